import java.util.Map;
import javax.xml.namespace.QName;
import javax.xml.rpc.JAXRPCException;
import javax.xml.rpc.handler.GenericHandler;
import javax.xml.rpc.handler.HandlerInfo;
import javax.xml.rpc.handler.MessageContext;
import javax.xml.rpc.handler.soap.SOAPMessageContext;
import javax.xml.soap.SOAPException;

/** Declares prefixes in the envelope: Axis declares only those that it uses itself, and cannot see one inside an XPath. */
public class Prefix extends GenericHandler {
    private Map<?, ?> prefixes;

    @Override
    public void init(HandlerInfo info) {
        prefixes = info.getHandlerConfig();
    }

    @Override
    public boolean handleRequest(MessageContext context) {
        try {
            var envelope = ((SOAPMessageContext) context).getMessage().getSOAPPart().getEnvelope();
            for (Map.Entry<?, ?> entry : prefixes.entrySet()) {
                envelope.addNamespaceDeclaration((String) entry.getKey(), (String) entry.getValue());
            }
        } catch (SOAPException problem) {
            throw new JAXRPCException(problem);
        }
        return true;
    }

    @Override
    public QName[] getHeaders() {
        return new QName[0];
    }
}
