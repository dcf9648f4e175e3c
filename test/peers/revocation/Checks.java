// A TLS client on the JDK that checks the revocation of the whole chain with the lists it is given and fetches none. Arguments: port, roots,
// lists, all in PEM. Prints `connected`, or why not.
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.X509CertSelector;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class Checks {
    static SSLContext context(String roots, String lists) throws Exception {
        var factory = CertificateFactory.getInstance("X.509");
        var trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (var in = new FileInputStream(roots)) {
            for (var root : factory.generateCertificates(in)) trusted.setCertificateEntry("root-" + trusted.size(), root);
        }
        var parameters = new PKIXBuilderParameters(trusted, new X509CertSelector());
        try (var in = new FileInputStream(lists)) {
            var store = new CollectionCertStoreParameters(factory.generateCRLs(in));
            parameters.addCertStore(CertStore.getInstance("Collection", store));
        }
        parameters.setRevocationEnabled(true);
        var trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(new CertPathTrustManagerParameters(parameters));
        var context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    public static void main(String[] given) throws Exception {
        var factory = context(given[1], given[2]).getSocketFactory();
        try (var socket = (SSLSocket) factory.createSocket("localhost", Integer.parseInt(given[0]))) {
            socket.startHandshake();
            System.out.println("connected");
        } catch (Exception failure) {
            Throwable cause = failure;
            while (cause.getCause() != null) cause = cause.getCause();
            System.out.println(cause);
        }
    }
}
