import jakarta.jws.WebMethod;
import jakarta.jws.WebParam;
import jakarta.jws.WebResult;
import jakarta.jws.WebService;
import jakarta.jws.soap.SOAPBinding;
import jakarta.xml.bind.annotation.XmlElement;
import org.oasis_open.docs.wsn.bw_2.NotificationConsumer;

/** The consumer of wsn-api, and what the policy act:VerifyConsumer needs beside it. */
@WebService(targetNamespace = "http://docs.oasis-open.org/wsn/bw-2", name = "NotificationConsumer")
@SOAPBinding(parameterStyle = SOAPBinding.ParameterStyle.BARE)
public interface VerifiedConsumer extends NotificationConsumer {
    String ACT = "urn:wsrf-activity:1";

    @WebMethod(operationName = "VerifyConsumer")
    @WebResult(name = "VerifyConsumerResponse", targetNamespace = ACT, partName = "VerifyConsumerResponse")
    Confirmation verify(@WebParam(name = "VerifyConsumer", targetNamespace = ACT, partName = "VerifyConsumer") Asked asked);

    class Asked {
        @XmlElement(name = "SubscriptionId", namespace = ACT)
        public String subscriptionId;
        @XmlElement(name = "Challenge", namespace = ACT)
        public String challenge;
    }

    class Confirmation {
        @XmlElement(name = "Challenge", namespace = ACT)
        public String challenge;
    }
}
