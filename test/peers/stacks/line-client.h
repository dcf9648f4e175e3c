/*
 * What the C clients share: each reads cases from standard input, one a line, and answers each with one line, "connected" once a
 * CONNACK with return code 0 has come, else why not. Each case is a connection of its own, with nothing kept from the one before.
 * A case: PORT ROOTS CERTIFICATE KEY, separated by tabs. ROOTS is a file in PEM with one or more roots.
 */
#ifndef LINE_CLIENT_H
#define LINE_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The name that the certificate is checked against, and that SNI says. */
#define SERVER_NAME "localhost"
#define TIMEOUT_S 20

struct line_case {
    const char *port, *roots, *certificate, *key;
};

/* MQTT 3.1.1, 3.1 and 3.14: a CONNECT with an empty client id, clean session and keep alive 60 s; a DISCONNECT. */
static const unsigned char connect_packet[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 0};
static const unsigned char disconnect_packet[] = {0xe0, 0};
static const unsigned char accepted[] = {0x20, 2, 0, 0};

/* Connects over TLS and waits for the CONNACK. Returns null when it was the accepting one, else what failed. */
static const char *attempt(const struct line_case *given);

static int dial(const char *port) {
    struct timeval timeout = {TIMEOUT_S, 0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

int main(void) {
    char line[2048];
    signal(SIGPIPE, SIG_IGN);
    while (fgets(line, sizeof line, stdin)) {
        struct line_case given;
        const char *failed;
        given.port = strtok(line, "\t\n");
        given.roots = strtok(NULL, "\t\n");
        given.certificate = strtok(NULL, "\t\n");
        given.key = strtok(NULL, "\t\n");
        failed = given.key ? attempt(&given) : "not a case";
        printf("%s\n", failed ? failed : "connected");
        fflush(stdout);
    }
    return 0;
}

#endif
