// From an offer to a replacement that is stored and checked: the request, where the device makes the key, and the parts.
#ifndef FETCH_H
#define FETCH_H
#include "talk.h"

enum next on_offer(struct conversation *c, const struct message *offer);
enum next on_part(struct conversation *c, const struct message *part);

// Asks for the next stretch that is missing.
enum next get(struct conversation *c);

// Sends the stored request from here on, as much of it as a packet takes.
enum next send_request(struct conversation *c, uint32_t offset);

// Begins again at offset 0 with what the renewal is at: the request or the replacement.
enum next begin_again(struct conversation *c);

bool is_fetching(const struct conversation *c);
#endif
