import java.util.Set;
import javax.xml.namespace.QName;
import javax.xml.soap.SOAPException;
import javax.xml.ws.WebServiceException;
import javax.xml.ws.handler.MessageContext;
import javax.xml.ws.handler.soap.SOAPHandler;
import javax.xml.ws.handler.soap.SOAPMessageContext;

/** Declares a prefix in the envelope: JAXB declares only those that it uses itself, and cannot see one inside an XPath. */
record Prefix(String prefix, String namespace) implements SOAPHandler<SOAPMessageContext> {
    @Override
    public boolean handleMessage(SOAPMessageContext context) {
        try {
            context.getMessage().getSOAPPart().getEnvelope().addNamespaceDeclaration(prefix, namespace);
        } catch (SOAPException problem) {
            throw new WebServiceException(problem);
        }
        return true;
    }

    @Override
    public boolean handleFault(SOAPMessageContext context) {
        return true;
    }

    @Override
    public void close(MessageContext context) {}

    @Override
    public Set<QName> getHeaders() {
        return Set.of();
    }
}
