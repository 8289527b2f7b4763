import activity.wsrf._1.ActivityProperties;
import activity.wsrf._1.ObjectFactory;
import activity.wsrf._1.PhaseType;
import activity.wsrf._1.StartOptionsType;
import activity.wsrf._1.StatusType;
import activity.wsrf._1.Wait;
import jakarta.xml.bind.JAXBContext;
import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.soap.AddressingFeature;
import jakarta.xml.ws.wsaddressing.W3CEndpointReference;
import java.net.URL;
import java.util.List;
import java.util.Map;
import javax.xml.datatype.DatatypeFactory;
import javax.xml.datatype.XMLGregorianCalendar;
import javax.xml.namespace.QName;
import org.apache.cxf.headers.Header;
import org.apache.cxf.jaxb.JAXBDataBinding;
import survey.Point;
import survey.Summarise;
import survey.Summary;
import survey.SurveyPortType;
import survey.Unit;
import words.Count;
import words.CountResponse;
import words.WordsPortType;

/** Services in Python, with the classes that wsdl2java makes of their own WSDLs. */
public class Client {
    static final QName START_OPTIONS = new QName("urn:wsrf-activity:1", "StartOptions");
    static final String TOKEN = System.getenv("TOKEN");

    final words.Words words;
    final survey.Survey survey;

    Client() throws Exception {
        words = new words.Words(new URL(System.getenv("WORDS_WSDL")));
        survey = new survey.Survey(new URL(System.getenv("SURVEY_WSDL")));
    }

    public static void main(String[] arguments) throws Exception {
        Client client = new Client();
        System.out.println("ok import");
        Steps.step("start", client::start);
        Steps.step("call", client::call);
        Steps.step("rich", client::rich);
        Steps.step("invalid", client::invalid);
        Steps.step("failed", client::failed);
    }

    void start() throws Exception {
        Count request = new Count();
        request.setText("to be or not to be");
        W3CEndpointReference reference = login(words.getWordsSoap11()).count(request).getEndpointReference();
        // A port that goes to the address of the reference and sends its reference parameters as headers.
        WordsPortType activity = login(words.getPort(reference, WordsPortType.class, new AddressingFeature()));
        while (activity.wait(new Wait()).getStatus() == StatusType.RUNNING) { }
        ActivityProperties document = (ActivityProperties) activity.getResourcePropertyDocument(
                new org.oasis_open.docs.wsrf.rp_2.GetResourcePropertyDocument()).getAny();
        Steps.expect("6", document.getResult().stream()
                .filter(each -> each.getName().equals("result")).findFirst().orElseThrow().getText());
    }

    void call() throws Exception {
        Count request = new Count();
        request.setText("to be");
        CountResponse answer = synchronous(login(words.getWordsSoap11())).count(request);
        Steps.expect(2, answer.getCountResult().intValue());
    }

    void rich() throws Exception {
        XMLGregorianCalendar seen = DatatypeFactory.newInstance().newXMLGregorianCalendar("2026-01-01T10:30:00Z");
        Summarise request = new Summarise();
        request.getPoints().add(point("hill", 12.5));
        request.getPoints().add(point("peak", 99.25));
        request.getPoints().get(1).setSeen(seen);
        request.setUnit(Unit.FOOT);
        request.getTags().addAll(List.of("a", "b"));
        Summary summary = synchronous(login(survey.getSurveySoap11())).summarise(request).getSummariseResult();
        Steps.expect(Unit.FOOT, summary.getUnit());
        Steps.expect(List.of("hill", "peak", "a", "b"), summary.getLabels());
        Steps.expect("peak", summary.getHighest().getLabel());
        Steps.expect(99.25, summary.getHighest().getHeight());
        Steps.expect(seen, summary.getHighest().getSeen());
        Steps.expect("2026-01-31T12:30:00Z", summary.getMade().toXMLFormat());
    }

    void invalid() throws Exception {
        Summarise request = new Summarise();
        request.getPoints().add(point("hill", 1));
        request.getPoints().add(point(null, 2));
        try {
            throw Steps.noFault(login(survey.getSurveySoap11()).summarise(request));
        } catch (survey.InvalidParameterFault fault) {
            Steps.expect("points", fault.getFaultInfo().getParameter());
            Steps.expect(2L, fault.getFaultInfo().getRow());
            Steps.expect("height", fault.getFaultInfo().getColumn()); // which stands where the label should
        }
    }

    void failed() throws Exception {
        try {
            throw Steps.noFault(synchronous(login(survey.getSurveySoap11())).summarise(new Summarise()));
        } catch (survey.WorkFailedFault fault) {
            Steps.expect(PhaseType.FAILED, fault.getFaultInfo().getPhase());
        }
    }

    static Point point(String label, double height) {
        Point point = new Point();
        point.setLabel(label);
        point.setHeight(height);
        return point;
    }

    /** Has the port's calls answered with the value. */
    static <Port> Port synchronous(Port port) throws Exception {
        StartOptionsType options = new StartOptionsType();
        options.setSynchronous(true);
        JAXBDataBinding binding = new JAXBDataBinding(JAXBContext.newInstance(ObjectFactory.class));
        Object element = new ObjectFactory().createStartOptions(options);
        context(port).put(Header.HEADER_LIST, List.of(new Header(START_OPTIONS, element, binding)));
        return port;
    }

    static <Port> Port login(Port port) {
        context(port).put(BindingProvider.USERNAME_PROPERTY, "token");
        context(port).put(BindingProvider.PASSWORD_PROPERTY, TOKEN);
        return port;
    }

    static Map<String, Object> context(Object port) {
        return ((BindingProvider) port).getRequestContext();
    }
}
