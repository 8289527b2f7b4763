// A consumer of notifications, with what gSOAP makes of the WSDLs of the service, of subscriptions and of consumers.
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>
#include <netinet/in.h>
#include <sys/socket.h>
#include "ActivitySoap11.nsmap"
#include "soapActivitySoap11Proxy.h"
#include "soapNotificationConsumerSoap11Service.h"
#include "soapSubscriptionManagerSoap11Proxy.h"

static const std::string SERVICE = std::getenv("ADDRESS");
static const std::string TOKEN = std::getenv("TOKEN");
static const std::string SIMPLE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple";
static const char ACT[] = "urn:wsrf-activity:1";

// The service. It takes both versions of SOAP, and answers in the one that came; `_` marks the operations of the second
// binding, which are never called, since their elements are those of the first.
class Consumer : public NotificationConsumerSoap11Service
{
public:
    std::map<int, std::string> told;           // lines for each version
    std::map<int, std::string> subscriptions;  // where the subscription of each version is
    std::set<int> verified, ended;             // versions

    Consumer() : NotificationConsumerSoap11Service(SOAP_C_UTFSTRING) {}

    Consumer *copy() override { return nullptr; }  // only servers with threads need one

    // Of what came: soap->version stays 2.
    int version() const { return std::string(soap->http_content).rfind("text/xml", 0) == 0 ? 1 : 2; }

    int Notify(_wsnt__Notify *notify) override
    {
        for (wsnt__NotificationMessageHolderType *message : notify->NotificationMessage) {
            xsd__anyType *phase = message->Message.__any.elt_get(ACT, "act:Phase");
            xsd__anyAttribute &id = *message->Topic->__anyAttribute.att_find(ACT, "act:eventId");
            std::string &subscription = subscriptions[version()] = message->SubscriptionReference->Address;
            told[version()] += std::string("told soap1") + (version() == 1 ? "1 " : "2 ")
                + message->Topic->__any.get_text() + " " + phase->get_text() + " " + id.get_text() + " "
                + subscription + "\n";
            if (std::string(phase->get_text()) == "Completed")
                ended.insert(version());
        }
        return send_Notify_empty_response();
    }

    int VerifyConsumer(_act__VerifyConsumer *asked, _act__VerifyConsumerResponse &answer) override
    {
        verified.insert(version());
        answer.Challenge = asked->__VerifyConsumer_sequence->Challenge;
        return SOAP_OK;
    }

    int Notify_(_wsnt__Notify *notify) override { return Notify(notify); }

    int VerifyConsumer_(_act__VerifyConsumer *asked, _act__VerifyConsumerResponse &answer) override
    {
        return VerifyConsumer(asked, answer);
    }

    // Listens on a free port and returns the address.
    std::string listen()
    {
        SOAP_SOCKET listening = bind("127.0.0.1", 0, 10);
        sockaddr_in place{};
        socklen_t size = sizeof place;
        if (!soap_valid_socket(listening) || getsockname(listening, reinterpret_cast<sockaddr *>(&place), &size))
            throw std::runtime_error("cannot listen");
        soap->accept_timeout = 30;
        return "http://127.0.0.1:" + std::to_string(ntohs(place.sin_port)) + "/";
    }

    // Answers what comes until everything has been told in a version.
    void serve_until_ended(int version)
    {
        while (!ended.count(version)) {
            if (!soap_valid_socket(accept()))
                throw std::runtime_error("nothing came");
            serve();
            destroy();
        }
        std::cout << told[version];
    }
};

static void check(soap *connection, int status)
{
    if (status != SOAP_OK)
        throw std::runtime_error(soap_fault_string(connection) ? soap_fault_string(connection) : "no answer");
}

// With two bindings gSOAP speaks SOAP 1.2, unless its table of namespaces says something else.
static const Namespace *namespaces_of_soap11()
{
    static std::vector<Namespace> table;
    for (const Namespace *entry = namespaces; table.empty() || table.back().id; entry++)
        table.push_back(*entry);
    table[0].ns = "http://schemas.xmlsoap.org/soap/envelope/";
    table[1].ns = "http://schemas.xmlsoap.org/soap/encoding/";
    return table.data();
}

// gSOAP forgets the password after each call.
template <class Proxy> static Proxy &login(Proxy &proxy, int version)
{
    if (version == 1)
        soap_set_namespaces(proxy.soap, namespaces_of_soap11());
    proxy.soap->userid = "token";
    proxy.soap->passwd = TOKEN.c_str();
    return proxy;
}

static void subscribe(const std::string &address, int version)
{
    ActivitySoap11Proxy proxy(SERVICE.c_str(), SOAP_C_UTFSTRING);
    wsnt__TopicExpressionType expression;
    expression.Dialect = SIMPLE;
    expression.__mixed = "act:StatusChanged";  // gSOAP declares act in every envelope
    xsd__anyType topic(proxy.soap), verify(proxy.soap, ACT, "act:VerifyConsumer");
    topic.set(&expression, SOAP_TYPE_wsnt__TopicExpressionType);
    topic.name = "wsnt:TopicExpression";
    wsnt__FilterType filter;
    filter.__any.push_back(topic);
    _wsnt__Subscribe_SubscriptionPolicy policy;
    policy.__any.push_back(verify);
    _wsnt__Subscribe request;
    request.ConsumerReference.Address = const_cast<char *>(address.c_str());
    request.Filter = &filter;
    request.SubscriptionPolicy = &policy;
    _wsnt__SubscribeResponse answer;
    check(proxy.soap, login(proxy, version).Subscribe(&request, answer));
}

static void create_activity()
{
    ActivitySoap11Proxy proxy(SERVICE.c_str(), SOAP_C_UTFSTRING);
    std::string command = "true";
    _act__CreateActivity request;
    request.__union_CreateActivity = SOAP_UNION__act__union_CreateActivity_Command;
    request.union_CreateActivity.Command = &command;
    _act__CreateActivityResponse answer;
    check(proxy.soap, login(proxy, 2).CreateActivity(&request, answer));
}

// By a duration, and by a time.
static void renew(const std::string &address, int version)
{
    SubscriptionManagerSoap11Proxy proxy(address.c_str(), SOAP_C_UTFSTRING);
    for (std::string wanted : std::vector<std::string>{"PT2H", soap_dateTime2s(proxy.soap, time(nullptr) + 7200)}) {
        _wsnt__Renew request;
        request.TerminationTime = &wanted;
        _wsnt__RenewResponse answer;
        check(proxy.soap, login(proxy, version).Renew(&request, answer));
        if (answer.TerminationTime <= *answer.CurrentTime)
            throw std::runtime_error("it is over at once");
    }
}

static void unsubscribe(const std::string &address, int version)
{
    SubscriptionManagerSoap11Proxy proxy(address.c_str(), SOAP_C_UTFSTRING);
    _wsnt__Unsubscribe request;
    _wsnt__UnsubscribeResponse answer;
    check(proxy.soap, login(proxy, version).Unsubscribe(&request, answer));
}

static void step(const std::string &name, const std::function<void()> &work)
{
    try {
        work();
        std::cout << "ok " << name << std::endl;
    } catch (const std::exception &problem) {
        std::cout << "failed " << name << " " << problem.what() << std::endl;
    }
}

int main()
{
    Consumer consumer;
    std::string address;
    step("serve", [&] { address = consumer.listen(); });
    step("subscribe", [&] {
        subscribe(address, 1);
        subscribe(address, 2);
        create_activity();
    });
    step("soap11", [&] { consumer.serve_until_ended(1); });
    step("soap12", [&] { consumer.serve_until_ended(2); });
    step("verify", [&] {
        if (consumer.verified != std::set<int>{1, 2})
            throw std::runtime_error("not asked in both versions");
    });
    step("renew", [&] {
        for (const auto &subscription : consumer.subscriptions)
            renew(subscription.second, subscription.first);
    });
    step("unsubscribe", [&] {
        for (const auto &subscription : consumer.subscriptions)
            unsubscribe(subscription.second, subscription.first);
    });
}
