using System.IO;
using System.Text;
using System.Web.Services.Protocols;
using System.Xml;

/// <summary>The service, and the reference parameters to send with each request to it.</summary>
public class Port : ActivityService
{
    public XmlElement[] Reference = new XmlElement[0];
}

/// <summary>
/// Writes the reference parameters of a port as SOAP headers. The classes made of the WSDL know only headers that the
/// WSDL declares; an extension, which client.exe.config registers, sees the message itself.
/// </summary>
public class ReferenceExtension : SoapExtension
{
    const string Wsa = "http://www.w3.org/2005/08/addressing";

    Stream wire;
    MemoryStream written;

    public override object GetInitializer(System.Type serviceType) { return null; }

    public override object GetInitializer(LogicalMethodInfo method, SoapExtensionAttribute attribute) { return null; }

    public override void Initialize(object initializer) { }

    public override Stream ChainStream(Stream stream)
    {
        if (written != null)
            return stream; // what comes back is read as it is
        wire = stream;
        return written = new MemoryStream();
    }

    public override void ProcessMessage(SoapMessage message)
    {
        if (message.Stage != SoapMessageStage.AfterSerialize)
            return;
        var document = new XmlDocument { PreserveWhitespace = true };
        document.Load(new MemoryStream(written.ToArray()));
        var port = ((SoapClientMessage)message).Client as Port;
        if (port != null && port.Reference.Length > 0)
            document.DocumentElement.PrependChild(Header(document, port.Reference));
        var settings = new XmlWriterSettings { Encoding = new UTF8Encoding(false) };
        using (var writer = XmlWriter.Create(wire, settings))
            document.Save(writer);
    }

    static XmlElement Header(XmlDocument document, XmlElement[] reference)
    {
        var envelope = document.DocumentElement;
        var header = document.CreateElement(envelope.Prefix, "Header", envelope.NamespaceURI);
        foreach (var parameter in reference)
        {
            var block = (XmlElement)header.AppendChild(document.ImportNode(parameter, true));
            block.SetAttribute("IsReferenceParameter", Wsa, "true");
        }
        return header;
    }
}
