// The requests that Bouncy Castle writes: without attributes it leaves them out; in names it writes UTF8String, or what it is told.
import java.io.FileWriter;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.spec.ECGenParameterSpec;
import org.bouncycastle.asn1.DERBMPString;
import org.bouncycastle.asn1.DERT61String;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequestBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

public class Main {
    static final BouncyCastleProvider provider = new BouncyCastleProvider();

    static void write(String file, X500Name subject, KeyPair pair, String algorithm, boolean attributes) throws Exception {
        PKCS10CertificationRequestBuilder builder = new JcaPKCS10CertificationRequestBuilder(subject, pair.getPublic());
        builder.setLeaveOffEmptyAttributes(!attributes);
        try (JcaPEMWriter writer = new JcaPEMWriter(new FileWriter(file))) {
            writer.writeObject(builder.build(new JcaContentSignerBuilder(algorithm).setProvider(provider).build(pair.getPrivate())));
        }
    }

    public static void main(String[] arguments) throws Exception {
        KeyPairGenerator ec = KeyPairGenerator.getInstance("EC");
        ec.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair pair = ec.generateKeyPair();
        KeyPairGenerator rsa = KeyPairGenerator.getInstance("RSA");
        rsa.initialize(2048);
        KeyPair rsaPair = rsa.generateKeyPair();
        X500Name plain = new X500Name("CN=pump-1");
        write("bouncycastle-ec.pem", plain, pair, "SHA256withECDSA", true);
        write("bouncycastle-no-attributes.pem", plain, pair, "SHA256withECDSA", false);
        write("bouncycastle-pss.pem", plain, rsaPair, "SHA256withRSAandMGF1", true);
        write("bouncycastle-sha3.pem", plain, pair, "SHA3-256withECDSA", true);
        write("bouncycastle-sha1.pem", plain, rsaPair, "SHA1withRSA", true);
        write("bouncycastle-md5.pem", plain, rsaPair, "MD5withRSA", true);
        X500Name t61 = new X500NameBuilder().addRDN(BCStyle.CN, new DERT61String("pump-1")).build();
        X500Name bmp = new X500NameBuilder().addRDN(BCStyle.CN, new DERBMPString("pump-1")).build();
        write("bouncycastle-t61.pem", t61, pair, "SHA256withECDSA", true);
        write("bouncycastle-bmp.pem", bmp, pair, "SHA256withECDSA", true);
    }
}
