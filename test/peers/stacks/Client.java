// A client on the JDK's JSSE, with cases and answers as line-client.h says. Several roots: each is an entry of one trust store.
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class Client {
    static final byte[] CONNECT = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 0};
    static final byte[] DISCONNECT = {(byte) 0xe0, 0};
    static final byte[] ACCEPTED = {0x20, 2, 0, 0};
    static final char[] NO_PASSWORD = {};

    static Certificate[] certificates(String file) throws Exception {
        try (var in = new FileInputStream(file)) {
            return CertificateFactory.getInstance("X.509").generateCertificates(in).toArray(new Certificate[0]);
        }
    }

    static KeyStore empty() throws Exception {
        var store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    static SSLContext context(String roots, String certificate, String keyFile) throws Exception {
        var trusted = empty();
        for (var root : certificates(roots)) trusted.setCertificateEntry("root-" + trusted.size(), root);
        var trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        var base64 = Files.readString(Path.of(keyFile)).replaceAll("-----[A-Z ]+-----|\\s", "");
        var key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(base64)));
        var own = empty();
        own.setKeyEntry("own", key, NO_PASSWORD, certificates(certificate));
        var keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(own, NO_PASSWORD);
        var context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    static String attempt(String[] given) throws Exception {
        var factory = context(given[1], given[2], given[3]).getSocketFactory();
        try (var socket = (SSLSocket) factory.createSocket("localhost", Integer.parseInt(given[0]))) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            socket.getOutputStream().write(CONNECT);
            if (!Arrays.equals(socket.getInputStream().readNBytes(4), ACCEPTED)) return "not accepted";
            socket.getOutputStream().write(DISCONNECT);
            return "connected";
        }
    }

    public static void main(String[] args) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            String said;
            try {
                said = attempt(line.split("\t"));
            } catch (Exception error) {
                said = String.valueOf(error.getMessage()).replace('\n', ' ');
            }
            System.out.println(said);
        }
    }
}
