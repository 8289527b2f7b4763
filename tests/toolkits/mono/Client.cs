using System;
using System.Net;
using System.Text;
using System.Web.Services.Protocols;
using System.Xml;
using System.Xml.Serialization;

/// <summary>A prefix that is used inside an XPath has to be declared: the serializer sees only its own.</summary>
public partial class QueryExpressionType
{
    [XmlNamespaceDeclarations]
    public XmlSerializerNamespaces Prefixes;
}

/// <summary>The life of an activity, with the classes that Mono's wsdl makes of the WSDL.</summary>
static class Client
{
    const string Act = "urn:wsrf-activity:1";
    const string XPath = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    static readonly string Service = Environment.GetEnvironmentVariable("ADDRESS");
    static readonly NetworkCredential Token = new NetworkCredential("token", Environment.GetEnvironmentVariable("TOKEN"));

    static string address;
    static XmlElement[] reference; // the reference parameters
    static Port activity;

    static void Main()
    {
        Console.WriteLine("ok import");
        Step("create", Create);
        Step("wait", Wait);
        Step("property", () => ExpectCompleted(activity));
        Step("document", Document);
        Step("query", Query);
        Step("termination", Termination);
        Step("fault", () => ExpectFault("InvalidResourcePropertyQNameFault", "Colour"));
        Step("header", () => ExpectCompleted(At(Service, reference)));
        Step("url", () => ExpectCompleted(At(address)));
        Step("result", Result);
        Step("destroy", Destroy);
    }

    static Port At(string url, params XmlElement[] reference)
    {
        return new Port { Url = url, Reference = reference, Credentials = Token, PreAuthenticate = true };
    }

    static void Create()
    {
        var endpoint = At(Service).CreateActivity(new CreateActivity
        {
            ItemElementName = ItemChoiceType.Command,
            Item = "sort | uniq",
            Input = Encoding.ASCII.GetBytes("b\na\nb\n"),
        }).EndpointReference;
        address = endpoint.Address.Value;
        reference = endpoint.ReferenceParameters.Any;
        activity = At(address, reference);
    }

    // Each Wait is answered at the end of the work, or at the server's own limit.
    static void Wait()
    {
        WaitResponse state;
        do
            state = activity.Wait(new Wait());
        while (state.Status == StatusType.Running);
        Expect(PhaseType.Completed, state.Phase);
    }

    static void ExpectCompleted(Port port)
    {
        Expect("Completed", port.GetResourceProperty(new XmlQualifiedName("Phase", Act)).Any[0].InnerText);
    }

    static void Document()
    {
        var document = activity.GetResourcePropertyDocument(new GetResourcePropertyDocument());
        Expect("0", document["ExitCode", Act].InnerText);
    }

    static void Query()
    {
        var expression = new QueryExpressionType
        {
            Dialect = XPath,
            Any = new XmlNode[] { new XmlDocument().CreateTextNode("/*/act:ExitCode") },
            Prefixes = new XmlSerializerNamespaces(new[] { new XmlQualifiedName("act", Act) }),
        };
        var answer = activity.QueryResourceProperties(new QueryResourceProperties { QueryExpression = expression });
        Expect("0", answer.Any[0].InnerText);
    }

    static void Termination()
    {
        var answer = activity.SetTerminationTime(new SetTerminationTime { Item = "PT1H" });
        Expect(60.0, Math.Round((answer.NewTerminationTime.Value - answer.CurrentTime).TotalMinutes));
    }

    // wsdl makes no exceptions of faults: the name of the element in the detail is what tells them apart.
    static void ExpectFault(string name, string property)
    {
        try
        {
            activity.GetResourceProperty(new XmlQualifiedName(property, Act));
        }
        catch (SoapException fault)
        {
            Expect(name, fault.Detail.FirstChild.LocalName);
            return;
        }
        throw new Exception("expected " + name);
    }

    static void Result()
    {
        using (var web = new WebClient { Credentials = Token })
            Expect("a\nb\n", web.DownloadString(address + "/result/stdout"));
    }

    static void Destroy()
    {
        activity.Destroy(new Destroy());
        ExpectFault("ResourceUnknownFault", "Phase");
    }

    static void Expect<T>(T wanted, T got)
    {
        if (!wanted.Equals(got))
            throw new Exception("expected " + wanted + ", got " + got);
    }

    static void Step(string name, Action work)
    {
        try
        {
            work();
            Console.WriteLine("ok " + name);
        }
        catch (Exception problem)
        {
            Console.WriteLine("failed " + name + " " + problem.Message.Replace('\n', ' '));
        }
    }
}
