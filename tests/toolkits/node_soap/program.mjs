// An activity from beginning to end with npm's soap. Reads WSDL and TOKEN from the environment.
import assert from "node:assert/strict";
import soap from "soap";

const XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116";
const { WSDL, TOKEN } = process.env;

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
    return error.root.Envelope.Body.Fault.detail;
  }
  throw new Error("no fault");
}

let client, address;

await step("import", async () => {
  client = await soap.createClientAsync(WSDL);
  client.setSecurity(new soap.BasicAuthSecurity("any", TOKEN));
});

await step("create", async () => {
  const Input = Buffer.from("hello").toString("base64");
  const [created] = await client.CreateActivityAsync({ Command: "cat; exit 3", Input });
  address = created.EndpointReference.Address; // store this
  // Of elements that no schema declares soap keeps name and text, not the namespace.
  const reference = created.EndpointReference.ReferenceParameters;
  client.addSoapHeader(reference, "", "ref", "urn:wsrf-activity:1:reference");
});

await step("header", async () => {
  // The service's own address, and the header says which activity.
  const [waited] = await client.WaitAsync({ Timeout: "PT0S" });
  assert(waited.Version > 0);
});

await step("url", async () => {
  // The activity's own address needs no header.
  client.clearSoapHeaders();
  client.setEndpoint(address);
  const [waited] = await client.WaitAsync({ Timeout: "PT0S" });
  assert(waited.Version > 0);
});

await step("wait", async () => {
  // Each Wait is answered at the end of the work, or when the server's own limit is reached.
  let waited;
  do {
    [waited] = await client.WaitAsync({ Timeout: "PT30S" });
  } while (waited.Status === "Running");
  assert.equal(waited.Phase, "Failed");
});

await step("property", async () => {
  // soap sends a QName as the text that it is, and declares all prefixes of the WSDL: `act` is one of them.
  const [found] = await client.GetResourcePropertyAsync("act:Phase");
  assert.equal(found.Phase, "Failed");
});

await step("document", async () => {
  const [{ ActivityProperties: document }] = await client.GetResourcePropertyDocumentAsync({});
  assert.equal(document.ExitCode, "3"); // text: the schema's types are not looked up here
});

await step("query", async () => {
  const QueryExpression = { attributes: { Dialect: XPATH }, $value: "number(//act:ExitCode) + 1" };
  const [answer] = await client.QueryResourcePropertiesAsync({ QueryExpression });
  assert.equal(answer.Value, "4");
});

await step("termination", async () => {
  const [changed] = await client.SetTerminationTimeAsync({ RequestedLifetimeDuration: "PT1H" });
  assert.equal(changed.NewTerminationTime - changed.CurrentTime, 3600 * 1000);
});

await step("fault", async () => {
  const detail = await faultOf(client.GetResourcePropertyAsync("act:Colour"));
  assert.match(detail.InvalidResourcePropertyQNameFault.Description, /Colour/);
});

await step("result", async () => {
  const Authorization = "Basic " + Buffer.from(`any:${TOKEN}`).toString("base64");
  const response = await fetch(`${address}/result/stdout`, { headers: { Authorization } });
  assert.equal(await response.text(), "hello");
});

await step("destroy", async () => {
  await client.DestroyAsync({});
  const detail = await faultOf(client.GetResourcePropertyDocumentAsync({}));
  assert("ResourceUnknownFault" in detail);
});
