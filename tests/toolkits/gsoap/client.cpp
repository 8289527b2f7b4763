// The life of an activity, with the classes that gSOAP makes of the WSDL. With two bindings it speaks SOAP 1.2.
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include "ActivitySoap11.nsmap"
#include "soapActivitySoap11Proxy.h"

static const std::string ACT = "\"urn:wsrf-activity:1\":";  // gSOAP writes a QName as "namespace":name
static const std::string SERVICE = std::getenv("ADDRESS");
static const std::string TOKEN = std::getenv("TOKEN");

static void expect(const std::string &wanted, const std::string &got)
{
    if (wanted != got)
        throw std::runtime_error("expected " + wanted + ", got " + got);
}

class Client
{
    ActivitySoap11Proxy proxy;
    SOAP_ENV__Header header;
    std::string address;    // where the activity is
    std::string reference;  // its reference parameters, as XML

    // gSOAP forgets the password, the address and the header after each call.
    ActivitySoap11Proxy &at(const std::string &endpoint, bool with_reference)
    {
        proxy.soap->userid = "token";
        proxy.soap->passwd = TOKEN.c_str();
        proxy.soap_endpoint = endpoint.c_str();
        header.__reference = const_cast<char *>(reference.c_str());
        proxy.soap->header = with_reference ? &header : nullptr;
        return proxy;
    }

    ActivitySoap11Proxy &activity() { return at(address, true); }

    void check(int status)
    {
        if (status != SOAP_OK)
            throw std::runtime_error(soap_fault_string(proxy.soap) ? soap_fault_string(proxy.soap) : "no answer");
    }

    // The faults that the WSDL declares, each a member that is set or null.
    const SOAP_ENV__Detail &fault(int status)
    {
        if (status == SOAP_OK || !proxy.soap->fault || !proxy.soap->fault->SOAP_ENV__Detail)
            throw std::runtime_error("expected a fault with a detail");
        return *proxy.soap->fault->SOAP_ENV__Detail;
    }

    void expect_completed(ActivitySoap11Proxy &port)
    {
        _wsrfrp__GetResourcePropertyResponse answer;
        check(port.GetResourceProperty(ACT + "Phase", answer));
        expect("Completed", answer.__any.at(0).get_text());
    }

public:
    Client() : proxy(SOAP_C_UTFSTRING) {}

    void create()
    {
        std::string command = "sort | uniq", input = "b\na\nb\n";
        xsd__base64Binary bytes;
        bytes.__ptr = reinterpret_cast<unsigned char *>(&input[0]);
        bytes.__size = static_cast<int>(input.size());
        _act__CreateActivity request;
        request.__union_CreateActivity = SOAP_UNION__act__union_CreateActivity_Command;
        request.union_CreateActivity.Command = &command;
        request.Input = &bytes;
        _act__CreateActivityResponse answer;
        check(at(SERVICE, false).CreateActivity(&request, answer));
        const wsa5__EndpointReferenceType &endpoint = answer.wsa5__EndpointReference;
        address = endpoint.Address;
        for (int i = 0; i < endpoint.ReferenceParameters->__size; i++) {
            std::string parameter = endpoint.ReferenceParameters->__any[i];
            parameter.insert(parameter.find_first_of(" />", 1), " wsa5:IsReferenceParameter=\"true\"");
            reference += parameter;
        }
    }

    // Each Wait is answered at the end of the work, or at the server's own limit.
    void wait()
    {
        _act__Wait request;
        _act__WaitResponse state;
        do
            check(activity().Wait(&request, state));
        while (state.Status == act__StatusType__Running);
        expect("Completed", soap_act__PhaseType2s(proxy.soap, state.Phase));
    }

    void property() { expect_completed(activity()); }

    void document()
    {
        _wsrfrp__GetResourcePropertyDocument request;
        _wsrfrp__GetResourcePropertyDocumentResponse answer;
        check(activity().GetResourcePropertyDocument(&request, answer));
        xsd__anyType *code = answer.__any.elt_get("act:ExitCode");
        expect("0", code ? code->get_text() : "nothing");
    }

    void query()
    {
        std::string dialect = "http://www.w3.org/TR/1999/REC-xpath-19991116";
        wsrfrp__QueryExpressionType expression;
        expression.Dialect = &dialect;
        expression.__mixed = "/*/act:ExitCode";  // gSOAP declares act in every envelope
        _wsrfrp__QueryResourceProperties request;
        request.QueryExpression = &expression;
        _wsrfrp__QueryResourcePropertiesResponse answer;
        check(activity().QueryResourceProperties(&request, answer));
        expect("0", answer.__any.at(0).get_text());
    }

    void termination()
    {
        std::string hour = "PT1H";
        _wsrfrl__SetTerminationTime request;
        request.__union_SetTerminationTime = SOAP_UNION__wsrfrl__union_SetTerminationTime_RequestedLifetimeDuration;
        request.union_SetTerminationTime.RequestedLifetimeDuration = &hour;
        _wsrfrl__SetTerminationTimeResponse answer;
        check(activity().SetTerminationTime(&request, answer));
        double seconds = difftime(*answer.NewTerminationTime, answer.CurrentTime);
        expect("60", std::to_string(std::lround(seconds / 60)));
    }

    void typed_fault()
    {
        _wsrfrp__GetResourcePropertyResponse answer;
        auto *typed = fault(activity().GetResourceProperty(ACT + "Colour", answer)).wsrfrp__InvalidResourcePropertyQNameFault;
        if (!typed)
            throw std::runtime_error("the fault is of another type");
        std::cerr << typed->Description.at(0).__item << std::endl;
    }

    void by_header() { expect_completed(at(SERVICE, true)); }

    void by_url() { expect_completed(at(address, false)); }

    void result()
    {
        activity();  // the password; a plain GET has no SOAP header
        soap *connection = proxy.soap;
        check(soap_GET(connection, (address + "/result/stdout").c_str(), nullptr));
        check(soap_begin_recv(connection));
        size_t length = 0;
        const char *body = soap_http_get_body(connection, &length);
        expect("a\nb\n", std::string(body ? body : "", length));
        soap_end_recv(connection);
    }

    void destroy()
    {
        _wsrfrl__Destroy request;
        _wsrfrl__DestroyResponse done;
        check(activity().Destroy(&request, done));
        _wsrfrp__GetResourcePropertyResponse answer;
        if (!fault(activity().GetResourceProperty(ACT + "Phase", answer)).wsrfr__ResourceUnknownFault)
            throw std::runtime_error("the fault is of another type");
    }
};

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
    Client client;
    std::cout << "ok import" << std::endl;
    step("create", [&] { client.create(); });
    step("wait", [&] { client.wait(); });
    step("property", [&] { client.property(); });
    step("document", [&] { client.document(); });
    step("query", [&] { client.query(); });
    step("termination", [&] { client.termination(); });
    step("fault", [&] { client.typed_fault(); });
    step("header", [&] { client.by_header(); });
    step("url", [&] { client.by_url(); });
    step("result", [&] { client.result(); });
    step("destroy", [&] { client.destroy(); });
}
