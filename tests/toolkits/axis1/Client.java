import activity.*;
import activity.wsdl.*;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;
import javax.xml.namespace.QName;
import javax.xml.rpc.handler.HandlerInfo;
import org.apache.axis.client.Stub;
import org.apache.axis.message.MessageElement;
import org.apache.axis.message.SOAPHeaderElement;
import org.apache.axis.message.Text;
import org.oasis_open.docs.wsrf.r_2.*;
import org.oasis_open.docs.wsrf.rl_2.*;
import org.oasis_open.docs.wsrf.rp_2.*;
import org.w3.www._2005._08.addressing.*;

/** The life of an activity, with the classes that Axis makes of the WSDL. */
public class Client {
    static final String ACT = "urn:wsrf-activity:1";
    static final String WSA = "http://www.w3.org/2005/08/addressing";
    static final String XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    static final String SERVICE = System.getenv("ADDRESS");
    static final String TOKEN = System.getenv("TOKEN");

    final ActivityServiceLocator service = new ActivityServiceLocator();
    String address;
    MessageElement[] reference; // the reference parameters
    ActivityPortType activity;

    public static void main(String[] arguments) {
        Client client = new Client();
        System.out.println("ok import");
        Steps.step("create", client::create);
        Steps.step("wait", client::waitForEnd);
        Steps.step("property", () -> client.expectCompleted(client.activity));
        Steps.step("document", client::document);
        Steps.step("query", client::query);
        Steps.step("termination", client::termination);
        Steps.step("fault", client::fault);
        Steps.step("header", () -> client.expectCompleted(client.port(SERVICE, client.reference)));
        Steps.step("url", () -> client.expectCompleted(client.port(client.address)));
        Steps.step("result", client::result);
        Steps.step("destroy", client::destroy);
    }

    /** A port that goes to an address and sends reference parameters as headers. */
    ActivityPortType port(String address, MessageElement... reference) throws Exception {
        ActivityPortType port = service.getActivitySoap11(new URL(address));
        Stub stub = (Stub) port;
        stub.setUsername("token");
        stub.setPassword(TOKEN);
        for (MessageElement parameter : reference) {
            SOAPHeaderElement header = new SOAPHeaderElement(parameter.getAsDOM());
            header.addAttribute("wsa", WSA, "IsReferenceParameter", "true");
            header.setActor(null);
            stub.setHeader(header);
        }
        return port;
    }

    void create() throws Exception {
        CreateActivity request = new CreateActivity();
        request.setCommand("sort | uniq");
        request.setInput("b\na\nb\n".getBytes());
        EndpointReferenceType endpoint = port(SERVICE).createActivity(request).getEndpointReference();
        address = endpoint.getAddress().get_value().toString();
        reference = endpoint.getReferenceParameters().get_any();
        activity = port(address, reference);
    }

    /** Each Wait is answered at the end of the work, or at the server's own limit. */
    void waitForEnd() throws Exception {
        WaitResponse state;
        do {
            state = activity.wait(new Wait());
        } while (state.getStatus() == StatusType.Running);
        Steps.expect(PhaseType.Completed, state.getPhase());
    }

    void expectCompleted(ActivityPortType port) throws Exception {
        Steps.expect("Completed", port.getResourceProperty(new QName(ACT, "Phase")).get_any()[0].getValue());
    }

    void document() throws Exception {
        MessageElement document = activity.getResourcePropertyDocument(new GetResourcePropertyDocument()).get_any()[0];
        Steps.expect("0", document.getChildElement(new QName(ACT, "ExitCode")).getValue());
    }

    void query() throws Exception {
        QueryExpressionType expression = new QueryExpressionType();
        expression.setDialect(new org.apache.axis.types.URI(XPATH));
        expression.set_any(new MessageElement[] {new MessageElement(new Text("/*/act:ExitCode"))});
        ActivityPortType port = port(address, reference);
        var handlers = service.getHandlerRegistry().getHandlerChain(((Stub) port).getPortName());
        handlers.add(new HandlerInfo(Prefix.class, Map.of("act", ACT), null));
        QueryResourceProperties request = new QueryResourceProperties(expression);
        Steps.expect("0", port.queryResourceProperties(request).get_any()[0].getValue());
    }

    void termination() throws Exception {
        SetTerminationTime request = new SetTerminationTime();
        request.setRequestedLifetimeDuration(new org.apache.axis.types.Duration("PT1H"));
        SetTerminationTimeResponse answer = activity.setTerminationTime(request);
        long milliseconds = answer.getNewTerminationTime().getTimeInMillis() - answer.getCurrentTime().getTimeInMillis();
        Steps.expect(60L, Math.round(milliseconds / 60_000.0));
    }

    void fault() throws Exception {
        try {
            throw Steps.noFault(activity.getResourceProperty(new QName(ACT, "Colour")));
        } catch (InvalidResourcePropertyQNameFaultType fault) {
            System.err.println(fault.getDescription()[0].get_value());
        }
    }

    void result() throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(address + "/result/stdout"))
                .header("Authorization", "Bearer " + TOKEN).build();
        Steps.expect("a\nb\n", HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body());
    }

    void destroy() throws Exception {
        activity.destroy(new Destroy());
        try {
            throw Steps.noFault(activity.getResourceProperty(new QName(ACT, "Phase")));
        } catch (ResourceUnknownFaultType fault) {
            System.err.println(fault.getDescription()[0].get_value());
        }
    }
}
