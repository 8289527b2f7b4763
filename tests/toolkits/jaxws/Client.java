import activity.wsrf._1.*;
import activity.wsrf._1.wsdl.*;
import java.io.StringReader;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Map;
import javax.xml.bind.JAXBElement;
import javax.xml.datatype.DatatypeFactory;
import javax.xml.namespace.QName;
import javax.xml.ws.BindingProvider;
import javax.xml.ws.soap.AddressingFeature;
import javax.xml.ws.soap.MTOMFeature;
import javax.xml.transform.stream.StreamSource;
import javax.xml.ws.wsaddressing.W3CEndpointReference;
import org.oasis_open.docs.wsrf.rl_2.*;
import org.oasis_open.docs.wsrf.rp_2.*;

/** The life of an activity, with the classes that wsimport makes of the WSDL. */
public class Client {
    static final String ACT = "urn:wsrf-activity:1";
    static final String XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    static final String SERVICE = System.getenv("ADDRESS");
    static final String TOKEN = System.getenv("TOKEN");

    final ActivityService service;
    W3CEndpointReference reference;
    ActivityPortType activity;

    Client(URL wsdl) {
        service = new ActivityService(wsdl);
    }

    public static void main(String[] arguments) throws Exception {
        Client client = new Client(new URL(System.getenv("WSDL")));
        System.out.println("ok import");
        Steps.step("create", client::create);
        Steps.step("wait", client::waitForEnd);
        Steps.step("property", () -> client.expectCompleted(client.activity));
        Steps.step("document", client::document);
        Steps.step("query", client::query);
        Steps.step("termination", client::termination);
        Steps.step("fault", client::fault);
        Steps.step("header", client::header);
        Steps.step("url", client::url);
        Steps.step("result", client::result);
        Steps.step("destroy", client::destroy);
    }

    void create() throws Exception {
        CreateActivity request = new CreateActivity();
        request.setCommand("sort | uniq");
        request.setInput("b\na\nb\n".getBytes());
        // MTOM sends the input beside the message, as it is, in place of base64 inside.
        ActivityPortType port = login(service.getActivitySoap11(new MTOMFeature()));
        reference = port.createActivity(request).getEndpointReference();
        activity = port(reference);
    }

    /** A port that goes to the address of an endpoint reference and sends its reference parameters as headers. */
    ActivityPortType port(W3CEndpointReference reference) {
        return login(service.getPort(reference, ActivityPortType.class, new AddressingFeature()));
    }

    /** Each Wait is answered at the end of the work, or at the server's own limit. */
    void waitForEnd() throws Exception {
        WaitResponse state;
        do {
            state = activity.wait(new Wait());
        } while (state.getStatus() == StatusType.RUNNING);
        Steps.expect(PhaseType.COMPLETED, state.getPhase());
    }

    void expectCompleted(ActivityPortType port) throws Exception {
        List<Object> values = port.getResourceProperty(new QName(ACT, "Phase")).getAny();
        Steps.expect(PhaseType.COMPLETED, ((JAXBElement<?>) values.get(0)).getValue());
    }

    void document() throws Exception {
        Object document = activity.getResourcePropertyDocument(new GetResourcePropertyDocument()).getAny();
        Steps.expect(0, ((ActivityProperties) document).getExitCode());
    }

    void query() throws Exception {
        QueryExpressionType expression = new QueryExpressionType();
        expression.setDialect(XPATH);
        expression.getContent().add("/*/act:ExitCode");
        QueryResourceProperties request = new QueryResourceProperties();
        request.setQueryExpression(expression);
        ActivityPortType port = port(reference);
        ((BindingProvider) port).getBinding().setHandlerChain(List.of(new Prefix("act", ACT)));
        List<Object> found = port.queryResourceProperties(request).getContent();
        Steps.expect(0, ((JAXBElement<?>) found.get(0)).getValue());
    }

    void termination() throws Exception {
        SetTerminationTime request = new SetTerminationTime();
        request.setRequestedLifetimeDuration(DatatypeFactory.newInstance().newDuration("PT1H"));
        SetTerminationTimeResponse answer = activity.setTerminationTime(request);
        long seconds = (answer.getNewTerminationTime().toGregorianCalendar().getTimeInMillis()
                - answer.getCurrentTime().toGregorianCalendar().getTimeInMillis()) / 1000;
        Steps.expect(60L, Math.round(seconds / 60.0));
    }

    void fault() throws Exception {
        try {
            throw Steps.noFault(activity.getResourceProperty(new QName(ACT, "Colour")));
        } catch (InvalidResourcePropertyQNameFault fault) {
            System.err.println(fault.getFaultInfo().getDescription().get(0).getValue());
        }
    }

    void header() throws Exception {
        // With the service's address the reference parameter alone says which activity is meant.
        String moved = reference.toString().replace(address() + "<", SERVICE + "<");
        expectCompleted(port(new W3CEndpointReference(new StreamSource(new StringReader(moved)))));
    }

    void url() throws Exception {
        ActivityPortType port = login(service.getActivitySoap11());
        context(port).put(BindingProvider.ENDPOINT_ADDRESS_PROPERTY, address());
        expectCompleted(port);
    }

    void result() throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(address() + "/result/stdout"))
                .header("Authorization", "Bearer " + TOKEN).build();
        Steps.expect("a\nb\n", HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body());
    }

    void destroy() throws Exception {
        activity.destroy(new Destroy());
        try {
            throw Steps.noFault(activity.getResourceProperty(new QName(ACT, "Phase")));
        } catch (ResourceUnknownFault fault) {
            System.err.println(fault.getFaultInfo().getDescription().get(0).getValue());
        }
    }

    String address() {
        return context(activity).get(BindingProvider.ENDPOINT_ADDRESS_PROPERTY).toString();
    }

    static ActivityPortType login(ActivityPortType port) {
        context(port).put(BindingProvider.USERNAME_PROPERTY, "token");
        context(port).put(BindingProvider.PASSWORD_PROPERTY, TOKEN);
        return port;
    }

    static Map<String, Object> context(ActivityPortType port) {
        return ((BindingProvider) port).getRequestContext();
    }
}
