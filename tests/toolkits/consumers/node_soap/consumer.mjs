// A consumer of notifications with npm's soap.
// Reads WSDL, SINGLE_CONSUMER_WSDL, MANAGER_WSDL and TOKEN from the environment.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import soap from "soap";

const SIMPLE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Simple";
const { WSDL, SINGLE_CONSUMER_WSDL, MANAGER_WSDL, TOKEN } = process.env;
const VERSIONS = { soap11: false, soap12: true };

// Says what came of a step, and goes on.
async function step(name, run) {
  try {
    await run();
    console.log("ok", name);
  } catch (error) {
    console.log("failed", name, error.message.replaceAll("\n", " "));
  }
}

// The service: what comes to /soap11 and /soap12, each answered in its version.
const told = { soap11: [], soap12: [] };
const challenged = [];
const listener = http.createServer((request, response) => response.writeHead(404).end());

function consumer(version) {
  const operations = {
    Notify({ NotificationMessage }) {
      for (const message of [NotificationMessage].flat()) told[version].push(message); // soap makes no list of one
      listener.emit("told");
    },
    VerifyConsumer({ Challenge }) {
      challenged.push(version);
      return { Challenge };
    },
  };
  return { NotificationConsumerService: { NotificationConsumerSoap11: operations, NotificationConsumerSoap12: operations } };
}

await step("serve", async () => {
  const xml = await (await fetch(SINGLE_CONSUMER_WSDL)).text();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  for (const [version, forceSoap12Headers] of Object.entries(VERSIONS)) {
    const oneWay = { responseCode: 202, emptyBody: true };
    const options = { path: `/${version}`, services: consumer(version), xml, forceSoap12Headers, oneWay };
    await new Promise((ready, failed) => {
      soap.listen(listener, { ...options, callback: (error) => (error ? failed(error) : ready()) });
    });
  }
});

async function client(wsdl, forceSoap12Headers) {
  const made = await soap.createClientAsync(wsdl, { forceSoap12Headers });
  made.setSecurity(new soap.BasicAuthSecurity("any", TOKEN));
  return made;
}

await step("subscribe", async () => {
  for (const [version, is12] of Object.entries(VERSIONS)) {
    const service = await client(WSDL, is12);
    // soap declares all prefixes of the WSDL: `act` is one of them.
    const [made] = await service.SubscribeAsync({
      ConsumerReference: { Address: `http://127.0.0.1:${listener.address().port}/${version}` },
      Filter: { "wsnt:TopicExpression": { attributes: { Dialect: SIMPLE }, $value: "act:StatusChanged" } },
      SubscriptionPolicy: { "act:VerifyConsumer": {} },
    });
    assert(made.SubscriptionReference.Address);
  }
  const service = await client(WSDL, false);
  await service.CreateActivityAsync({ Command: "true" });
});

for (const version of Object.keys(VERSIONS)) {
  await step(version, async () => {
    const has = (phase) => told[version].some((message) => message.Message.StatusChange.Phase === phase);
    while (!has("Completed")) await once(listener, "told", { signal: AbortSignal.timeout(30_000) });
    for (const { Topic, Message, SubscriptionReference } of told[version]) {
      console.log("told", version, Topic.$value, Message.StatusChange.Phase, Topic.attributes["act:eventId"],
        SubscriptionReference.Address);
    }
  });
}

await step("verify", () => assert.deepEqual(challenged.sort(), ["soap11", "soap12"]));

async function managers() {
  return Promise.all(Object.entries(VERSIONS).map(async ([version, is12]) => {
    const manager = await client(MANAGER_WSDL, is12);
    manager.setEndpoint(told[version][0].SubscriptionReference.Address);
    return manager;
  }));
}

await step("renew", async () => {
  const inTwoHours = new Date(Date.now() + 7200 * 1000).toISOString();
  for (const manager of await managers()) {
    for (const TerminationTime of ["PT2H", inTwoHours]) { // by a duration, and by a time
      const [renewed] = await manager.RenewAsync({ TerminationTime });
      assert(renewed.TerminationTime > renewed.CurrentTime);
    }
  }
});

await step("unsubscribe", async () => {
  for (const manager of await managers()) await manager.UnsubscribeAsync({});
});

listener.close();
listener.closeAllConnections();
