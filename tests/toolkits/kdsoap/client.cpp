// The life of an activity, with the classes that KDSoap makes of the WSDL.
#include <QCoreApplication>
#include <QEventLoop>
#include <QNetworkAccessManager>
#include <QNetworkReply>
#include <cmath>
#include <functional>
#include <iostream>
#include <stdexcept>
#include "activity.h"

using namespace ActivityService;

static const QString ACT = "urn:wsrf-activity:1";
static const QString WSA = "http://www.w3.org/2005/08/addressing";
static const QString WSRFRP = "http://docs.oasis-open.org/wsrf/rp-2";
static const QString XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116";
static const QString SERVICE = qEnvironmentVariable("ADDRESS");
static const QByteArray AUTHORIZATION = "Bearer " + qgetenv("TOKEN");

static KDQName property(const QString &name)
{
    KDQName qualified("act:" + name);  // KDSoap writes no prefix where it is given none, and declares the one it is given
    qualified.setNameSpace(ACT);
    return qualified;
}

static void expect(const QString &wanted, const QString &got)
{
    if (wanted != got)
        throw std::runtime_error(("expected " + wanted + ", got " + got).toStdString());
}

// A port that goes to an address and sends reference parameters as headers.
class Port : public ActivitySoap11
{
public:
    Port(const QString &address, const QList<KDSoapValue> &reference)
    {
        setEndPoint(address);
        // KDSoapAuthentication sends the first request of each port twice: it says the password only once refused.
        clientInterface()->setRawHTTPHeaders({{"Authorization", AUTHORIZATION}});
        for (const KDSoapValue &parameter : reference) {
            KDSoapMessage header;
            header.childValues().append(parameter);
            clientInterface()->setHeader(parameter.name(), header);
        }
    }

    void check() const
    {
        if (!lastError().isEmpty())
            throw std::runtime_error(lastError().toStdString());
    }
};

class Client
{
    QString address;
    QList<KDSoapValue> reference;  // the reference parameters

    void expectCompleted(Port &&port)
    {
        const auto answer = port.getResourceProperty(property("Phase"));
        port.check();
        expect("Completed", answer.any().value(0).value().toString());
    }

    Port activity() const { return Port(address, reference); }

    // KDSoap makes no types of faults: the name of the element in the detail is what tells them apart.
    void expectFault(const QString &name, const KDQName &wanted)
    {
        Port port = activity();
        ActivitySoap11Jobs::GetResourcePropertyJob job(&port);
        job.setGetResourcePropertyRequest(wanted);
        QEventLoop loop;
        QObject::connect(&job, &KDSoapJob::finished, &loop, &QEventLoop::quit);
        job.start();
        loop.exec();
        const KDSoapValueList detail = job.reply().childValues().child("detail").childValues();
        expect(name, detail.value(0).name());
        std::cerr << detail.value(0).childValues().child("Description").value().toString().toStdString() << std::endl;
    }

public:
    void create()
    {
        ACT__CreateActivity request;
        request.setCommand("sort | uniq");
        request.setInput("b\na\nb\n");
        Port port(SERVICE, {});
        const auto endpoint = port.createActivity(request).endpointReference();
        port.check();
        address = endpoint.address().value();
        reference = endpoint.referenceParameters().any();
        for (KDSoapValue &parameter : reference) {
            KDSoapValue mark("IsReferenceParameter", "true");
            mark.setNamespaceUri(WSA);
            mark.setQualified(true);
            parameter.childValues().attributes().append(mark);
            parameter.setQualified(true);
        }
    }

    // Each Wait is answered at the end of the work, or at the server's own limit.
    void wait()
    {
        Port port = activity();
        ACT__WaitResponse state;
        do {
            state = port.wait(ACT__Wait());
            port.check();
        } while (state.status() == ACT__StatusType::Running);
        expect("Completed", state.phase().serialize("Phase").value().toString());
    }

    void phase() { expectCompleted(activity()); }

    void document()
    {
        Port port = activity();
        const auto answer = port.getResourcePropertyDocument(WSRFRP__GetResourcePropertyDocument());
        port.check();
        expect("0", answer.any().childValues().child("ExitCode").value().toString());
    }

    // The class made for mixed content has no place for text, so this request is put together by hand.
    void query()
    {
        KDSoapValue expression("QueryExpression", "/*/act:ExitCode");
        expression.setNamespaceUri(WSRFRP);
        expression.addNamespaceDeclaration({"act", ACT});
        expression.childValues().attributes().append(KDSoapValue("Dialect", XPATH));
        expression.setQualified(true);
        KDSoapMessage request;
        request = KDSoapValue("QueryResourceProperties", QVariant());
        request.childValues().append(expression);
        request.setNamespaceUri(WSRFRP);
        request.setQualified(true);
        Port port = activity();
        const QString action = QString("http://docs.oasis-open.org/wsrf/rpw-2/QueryResourceProperties/QueryResourcePropertiesRequest");
        const KDSoapMessage answer = port.clientInterface()->call("QueryResourceProperties", request, action);
        expect("0", answer.childValues().child("ExitCode").value().toString());
    }

    void termination()
    {
        WSRFRL__SetTerminationTime request;
        request.setRequestedLifetimeDuration("PT1H");
        Port port = activity();
        const auto answer = port.setTerminationTime(request);
        port.check();
        const double seconds = answer.currentTime().secsTo(answer.newTerminationTime());
        expect("60", QString::number(std::lround(seconds / 60)));
    }

    void fault() { expectFault("InvalidResourcePropertyQNameFault", property("Colour")); }

    void header() { expectCompleted(Port(SERVICE, reference)); }

    void url() { expectCompleted(Port(address, {})); }

    void result()
    {
        QNetworkRequest request(QUrl(address + "/result/stdout"));
        request.setRawHeader("Authorization", AUTHORIZATION);
        QNetworkAccessManager network;
        QNetworkReply *reply = network.get(request);
        QEventLoop loop;
        QObject::connect(reply, &QNetworkReply::finished, &loop, &QEventLoop::quit);
        loop.exec();
        expect("a\nb\n", reply->readAll());
    }

    void destroy()
    {
        Port port = activity();
        port.destroy();
        port.check();
        expectFault("ResourceUnknownFault", property("Phase"));
    }
};

static void step(const char *name, const std::function<void()> &work)
{
    try {
        work();
        std::cout << "ok " << name << std::endl;
    } catch (const std::exception &problem) {
        std::cout << "failed " << name << " " << problem.what() << std::endl;
    }
}

int main(int count, char **arguments)
{
    QCoreApplication application(count, arguments);
    Client client;
    std::cout << "ok import" << std::endl;
    step("create", [&] { client.create(); });
    step("wait", [&] { client.wait(); });
    step("property", [&] { client.phase(); });
    step("document", [&] { client.document(); });
    step("query", [&] { client.query(); });
    step("termination", [&] { client.termination(); });
    step("fault", [&] { client.fault(); });
    step("header", [&] { client.header(); });
    step("url", [&] { client.url(); });
    step("result", [&] { client.result(); });
    step("destroy", [&] { client.destroy(); });
}
