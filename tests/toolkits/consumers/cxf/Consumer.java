import jakarta.jws.WebService;
import jakarta.xml.ws.Dispatch;
import jakarta.xml.ws.Endpoint;
import jakarta.xml.ws.Service;
import jakarta.xml.ws.soap.SOAPBinding;
import jakarta.xml.ws.wsaddressing.W3CEndpointReference;
import jakarta.xml.ws.wsaddressing.W3CEndpointReferenceBuilder;
import java.io.StringReader;
import java.net.ServerSocket;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.xml.namespace.QName;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.Source;
import javax.xml.transform.stream.StreamSource;
import org.apache.cxf.jaxws.JaxWsProxyFactoryBean;
import org.apache.cxf.jaxws.spi.ProviderImpl;
import org.apache.cxf.ws.addressing.EndpointReferenceUtils;
import org.oasis_open.docs.wsn.b_2.FilterType;
import org.oasis_open.docs.wsn.b_2.NotificationMessageHolderType;
import org.oasis_open.docs.wsn.b_2.Notify;
import org.oasis_open.docs.wsn.b_2.ObjectFactory;
import org.oasis_open.docs.wsn.b_2.Renew;
import org.oasis_open.docs.wsn.b_2.RenewResponse;
import org.oasis_open.docs.wsn.b_2.Subscribe;
import org.oasis_open.docs.wsn.b_2.TopicExpressionType;
import org.oasis_open.docs.wsn.b_2.Unsubscribe;
import org.oasis_open.docs.wsn.bw_2.NotificationProducer;
import org.oasis_open.docs.wsn.bw_2.SubscriptionManager;
import org.w3c.dom.Element;

/** A consumer of notifications with CXF's own classes for WS-Notification: nothing is generated. */
@WebService(targetNamespace = "http://docs.oasis-open.org/wsn/bw-2", endpointInterface = "VerifiedConsumer")
public class Consumer implements VerifiedConsumer {
    static final String ACT = "urn:wsrf-activity:1";
    static final String SIMPLE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple";
    static final String SERVICE = System.getenv("ADDRESS");
    static final String TOKEN = System.getenv("TOKEN");

    final String version;
    final String binding;
    final BlockingQueue<NotificationMessageHolderType> told = new LinkedBlockingQueue<>();
    final BlockingQueue<String> asked = new LinkedBlockingQueue<>();
    String address;
    W3CEndpointReference subscription;

    Consumer(String version, String binding) {
        this.version = version;
        this.binding = binding;
    }

    public static void main(String[] arguments) throws Exception {
        List<Consumer> consumers = List.of(
                new Consumer("soap11", SOAPBinding.SOAP11HTTP_BINDING), new Consumer("soap12", SOAPBinding.SOAP12HTTP_BINDING));
        Steps.step("serve", () -> each(consumers, Consumer::serve));
        Steps.step("subscribe", () -> {
            each(consumers, Consumer::subscribe);
            createActivity();
        });
        for (Consumer consumer : consumers) {
            Steps.step(consumer.version, consumer::listen);
        }
        Steps.step("verify", () -> each(consumers, consumer -> Steps.expect(1, consumer.asked.size())));
        Steps.step("renew", () -> each(consumers, Consumer::renew));
        Steps.step("unsubscribe", () -> each(consumers, Consumer::unsubscribe));
        System.exit(0);  // the server's threads would live on
    }

    @Override
    public void notify(Notify notify) {
        told.addAll(notify.getNotificationMessage());
    }

    @Override
    public Confirmation verify(Asked question) {
        asked.add(question.subscriptionId);
        Confirmation confirmation = new Confirmation();
        confirmation.challenge = question.challenge;
        return confirmation;
    }

    /** An endpoint has one version of SOAP. */
    void serve() throws Exception {
        try (ServerSocket free = new ServerSocket(0)) {
            address = "http://127.0.0.1:" + free.getLocalPort() + "/" + version;
        }
        Endpoint endpoint = Endpoint.create(binding, this);
        // wsn-api declares no actions: with SOAP 1.1 every message that has one would be refused.
        endpoint.setProperties(Map.of("allowNonMatchingToDefaultSoapAction", true));
        endpoint.publish(address);
    }

    void subscribe() throws Exception {
        TopicExpressionType topic = new TopicExpressionType();
        topic.setDialect(SIMPLE);
        topic.getContent().add("act:StatusChanged");
        Subscribe request = new Subscribe();
        request.setConsumerReference(new W3CEndpointReferenceBuilder().address(address).build());
        request.setFilter(new FilterType());
        request.getFilter().getAny().add(new ObjectFactory().createTopicExpression(topic));
        request.setSubscriptionPolicy(new Subscribe.SubscriptionPolicy());
        request.getSubscriptionPolicy().getAny().add(element("VerifyConsumer"));
        proxy(NotificationProducer.class, SERVICE).subscribe(request);
    }

    /** What comes until the activity has ended. */
    void listen() throws Exception {
        String phase;
        do {
            NotificationMessageHolderType message = Objects.requireNonNull(told.poll(30, TimeUnit.SECONDS), "nothing came");
            Element change = (Element) message.getMessage().getAny();
            phase = change.getElementsByTagNameNS(ACT, "Phase").item(0).getTextContent();
            TopicExpressionType topic = message.getTopic();
            subscription = message.getSubscriptionReference();
            System.out.println(String.join(" ", "told", version, topic.getContent().get(0).toString(), phase,
                    topic.getOtherAttributes().get(new QName(ACT, "eventId")), address(subscription)));
        } while (!phase.equals("Completed"));
    }

    void unsubscribe() throws Exception {
        proxy(SubscriptionManager.class, address(subscription)).unsubscribe(new Unsubscribe());
    }

    /** By a duration, and by a time. */
    void renew() throws Exception {
        for (String wanted : List.of("PT2H", Instant.now().plusSeconds(7200).toString())) {
            Renew request = new Renew();
            request.setTerminationTime(wanted);
            RenewResponse renewed = proxy(SubscriptionManager.class, address(subscription)).renew(request);
            Steps.expect(1, renewed.getTerminationTime().compare(renewed.getCurrentTime()));
        }
    }

    <T> T proxy(Class<T> type, String address) {
        JaxWsProxyFactoryBean factory = new JaxWsProxyFactoryBean();
        factory.setAddress(address);
        factory.setBindingId(binding);
        factory.setUsername("token");
        factory.setPassword(TOKEN);
        // JAXB declares only the prefixes that it uses itself, and cannot see one inside a topic expression.
        factory.setProperties(new HashMap<>(Map.of("soap.env.ns.map", Map.of("act", ACT))));
        return factory.create(type);
    }

    static String address(W3CEndpointReference reference) {
        return EndpointReferenceUtils.getAddress(ProviderImpl.convertToInternal(reference));
    }

    static Element element(String name) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        return factory.newDocumentBuilder().newDocument().createElementNS(ACT, "act:" + name);
    }

    static void createActivity() {
        QName port = new QName("port");
        Service service = Service.create(new QName("service"));
        service.addPort(port, SOAPBinding.SOAP11HTTP_BINDING, SERVICE);
        Dispatch<Source> dispatch = service.createDispatch(port, Source.class, Service.Mode.PAYLOAD);
        dispatch.getRequestContext().put(Dispatch.USERNAME_PROPERTY, "token");
        dispatch.getRequestContext().put(Dispatch.PASSWORD_PROPERTY, TOKEN);
        dispatch.invoke(source("<CreateActivity xmlns='" + ACT + "'><Command>true</Command></CreateActivity>"));
    }

    static Source source(String xml) {
        return new StreamSource(new StringReader(xml));
    }

    interface Work {
        void of(Consumer consumer) throws Exception;
    }

    static void each(List<Consumer> consumers, Work work) throws Exception {
        for (Consumer consumer : consumers) {
            work.of(consumer);
        }
    }
}
