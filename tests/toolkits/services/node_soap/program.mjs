// Services in Python, called with npm's soap by their own WSDLs. Reads WORDS_WSDL, SURVEY_WSDL and TOKEN.
import assert from "node:assert/strict";
import soap from "soap";

const ACT = "urn:wsrf-activity:1";
const { WORDS_WSDL, SURVEY_WSDL, TOKEN } = process.env;

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

async function connect(wsdl) {
  const client = await soap.createClientAsync(wsdl);
  client.setSecurity(new soap.BasicAuthSecurity("any", TOKEN));
  return client;
}

// Makes the next calls synchronous: the answer is the value.
function synchronous(client) {
  client.clearSoapHeaders();
  client.addSoapHeader({ StartOptions: { Synchronous: true } }, "", "act", ACT);
}

let words, survey;

await step("import", async () => {
  words = await connect(WORDS_WSDL);
  survey = await connect(SURVEY_WSDL);
});

await step("start", async () => {
  const [started] = await words.countAsync({ text: "to be or not to be" });
  // The header says which activity, at the service's address.
  words.addSoapHeader(started.EndpointReference.ReferenceParameters, "", "ref", "urn:wsrf-activity:1:reference");
  let state;
  do {
    [state] = await words.WaitAsync({ Timeout: "PT30S" });
  } while (state.Status === "Running");
  const [{ ActivityProperties: document }] = await words.GetResourcePropertyDocumentAsync({});
  const result = document.Result.find((each) => each.attributes.name === "result");
  assert.equal(result.Text, "6");
});

await step("call", async () => {
  synchronous(words);
  const [answer] = await words.countAsync({ text: "to be" });
  assert.equal(Number(answer.countResult), 2); // a whole number of any size is text here
});

await step("rich", async () => {
  synchronous(survey);
  const points = [
    { label: "hill", height: 12.5 },
    { label: "peak", height: 99.25, seen: "2026-01-01T10:30:00Z" },
  ];
  const [answer] = await survey.summariseAsync({ points, unit: "foot", tags: ["a", "b"] });
  const summary = answer.summariseResult;
  assert.deepEqual([summary.unit, summary.labels], ["foot", ["hill", "peak", "a", "b"]]);
  assert.deepEqual([summary.highest.label, summary.highest.height], ["peak", 99.25]);
  assert.equal(summary.highest.seen.toISOString(), "2026-01-01T10:30:00.000Z");
  assert.equal(summary.made.toISOString(), "2026-01-31T12:30:00.000Z");
});

await step("invalid", async () => {
  const points = [{ label: "hill", height: 1 }, { label: "pit", height: "deep" }];
  const { InvalidParameterFault: said } = await faultOf(survey.summariseAsync({ points }));
  assert.deepEqual([said.Parameter, Number(said.Row), said.Column], ["points", 2, "height"]);
});

await step("failed", async () => {
  const { WorkFailedFault: said } = await faultOf(survey.summariseAsync({ points: [] }));
  assert.equal(said.Phase, "Failed");
});
