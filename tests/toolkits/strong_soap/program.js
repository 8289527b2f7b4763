// An activity from beginning to end with strong-soap. Reads WSDL and TOKEN from the environment.
const assert = require("node:assert/strict");
const { promisify } = require("node:util");
const { soap } = require("strong-soap");

const ACT = "urn:wsrf-activity:1";
const XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116";
const { WSDL, TOKEN } = process.env;

// Declares the prefix that names in the text of a message use (a property, an XPath): strong-soap sees only a string,
// and drops the prefix of attributes, xmlns included.
class PrefixingClient extends soap.HttpClient {
  buildRequest(url, data, headers, options) {
    const declared = data && data.replace(/<[\w-]+:Envelope/, `$& xmlns:act="${ACT}"`);
    return super.buildRequest(url, declared, headers, options);
  }
}

// Says what came of a step, and goes on.
async function step(name, run) {
  try {
    await run();
    console.log("ok", name);
  } catch (error) {
    console.log("failed", name, error.message.replaceAll("\n", " "));
  }
}

// Returns the detail of the fault that a call raises: an object with one member, named as the fault is.
async function faultOf(call) {
  try {
    await call;
  } catch (error) {
    return error.root.Envelope.Body.Fault.Detail;
  }
  throw new Error("no fault");
}

// Calls an operation at the last port of the WSDL, which is SOAP 1.2; client.ActivityService.ActivitySoap11 has those of
// SOAP 1.1, where `Detail` in a fault is `detail`.
let client, address;
const call = (operation, request) => promisify(client[operation]).call(client, request);

async function main() {
  await step("import", async () => {
    client = await promisify(soap.createClient)(WSDL, { httpClient: new PrefixingClient({}) });
    client.setSecurity(new soap.BasicAuthSecurity("any", TOKEN));
  });

  await step("create", async () => {
    const Input = Buffer.from("hello").toString("base64");
    const created = await call("CreateActivity", { Command: "cat; exit 3", Input });
    address = created.EndpointReference.Address; // store this
    // Of elements that no schema declares strong-soap keeps name and text, not the namespace; and it sends them as XML.
    const reference = created.EndpointReference.ReferenceParameters.Activity;
    client.addSoapHeader(`<ref:Activity xmlns:ref="urn:wsrf-activity:1:reference">${reference}</ref:Activity>`);
  });

  await step("header", async () => {
    // The service's own address, and the header says which activity.
    const waited = await call("Wait", { Timeout: "PT0S" });
    assert(waited.Version > 0);
  });

  await step("url", async () => {
    // The activity's own address needs no header.
    client.clearSoapHeaders();
    client.setEndpoint(address);
    const waited = await call("Wait", { Timeout: "PT0S" });
    assert(waited.Version > 0);
  });

  await step("wait", async () => {
    // Each Wait is answered at the end of the work, or when the server's own limit is reached.
    let waited;
    do {
      waited = await call("Wait", { Timeout: "PT30S" });
    } while (waited.Status === "Running");
    assert.equal(waited.Phase, "Failed");
  });

  await step("property", async () => {
    const found = await call("GetResourceProperty", "act:Phase");
    assert.equal(found.Phase, "Failed");
  });

  await step("document", async () => {
    const { ActivityProperties: document } = await call("GetResourcePropertyDocument", {});
    assert.equal(document.ExitCode, "3"); // text: the schema's types are not looked up here
  });

  await step("query", async () => {
    const QueryExpression = { $attributes: { Dialect: XPATH }, $value: "number(//act:ExitCode) + 1" };
    const answer = await call("QueryResourceProperties", { QueryExpression });
    assert.equal(answer.Value, "4");
  });

  await step("termination", async () => {
    const changed = await call("SetTerminationTime", { RequestedLifetimeDuration: "PT1H" });
    assert.equal(changed.NewTerminationTime - changed.CurrentTime, 3600 * 1000);
  });

  await step("fault", async () => {
    const detail = await faultOf(call("GetResourceProperty", "act:Colour"));
    assert.match(detail.InvalidResourcePropertyQNameFault.Description, /Colour/);
  });

  await step("result", async () => {
    const Authorization = "Basic " + Buffer.from(`any:${TOKEN}`).toString("base64");
    const response = await fetch(`${address}/result/stdout`, { headers: { Authorization } });
    assert.equal(await response.text(), "hello");
  });

  await step("destroy", async () => {
    await call("Destroy", {});
    const detail = await faultOf(call("GetResourcePropertyDocument", {}));
    assert("ResourceUnknownFault" in detail);
  });
}

main();
