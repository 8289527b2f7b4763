<?php
// An activity from beginning to end with PHP's SoapClient. Reads WSDL and TOKEN from the environment.

const ACT = 'urn:wsrf-activity:1';
const XPATH = 'http://www.w3.org/TR/1999/REC-xpath-19991116';

/**
 * Declares the prefix that names in the text of a request use (a property, an XPath): SoapClient sees only a string.
 * And gives the href of each result a prefix in the reply: without one SoapClient takes it for SOAP encoding's, whatever
 * the WSDL says, and dies with "External reference"; with one it is the member `href`.
 */
class ActivityClient extends SoapClient
{
    public function __doRequest(string $request, string $location, string $action, int $version, bool $oneWay = false): ?string
    {
        $request = preg_replace('/<[\w-]+:Envelope/', '$0 xmlns:act="' . ACT . '"', $request, 1);
        $reply = parent::__doRequest($request, $location, $action, $version, $oneWay);
        return $reply === null ? null : preg_replace('/(<(\w+):Result [^>]*) href=/', '$1 $2:href=', $reply);
    }
}

/** Says what came of a step, and goes on. */
function step(string $name, callable $do): void
{
    try {
        $do();
        echo "ok $name\n";
    } catch (Throwable $error) {
        echo "failed $name ", $error->getMessage(), "\n";
    }
}

function expect(mixed $wanted, mixed $got): void
{
    if ($wanted !== $got) {
        throw new Exception('expected ' . var_export($wanted, true) . ', not ' . var_export($got, true));
    }
}

/** Returns the detail of the fault that a call raises: an object with a member named as the fault is. */
function fault(callable $call): object
{
    try {
        $call();
    } catch (SoapFault $fault) {
        return $fault->detail;
    }
    throw new Exception('no fault');
}

step('import', function () use (&$client) {
    $options = ['login' => 'any', 'password' => getenv('TOKEN'), 'cache_wsdl' => WSDL_CACHE_NONE];
    $client = new ActivityClient(getenv('WSDL'), $options);
});

step('create', function () use (&$client, &$address, &$header) {
    $created = $client->CreateActivity(['Command' => 'cat; exit 3', 'Input' => 'hello']);
    $address = $created->EndpointReference->Address->_;  // store this
    // What no schema declares comes as XML text, with its namespace, and goes back as it is.
    $reference = new SoapVar($created->EndpointReference->ReferenceParameters->any, XSD_ANYXML);
    $header = new SoapHeader('urn:wsrf-activity:1:reference', 'Activity', $reference);
});

step('header', function () use (&$client, &$header) {  // the service's own address, and the header says which activity
    $client->__setSoapHeaders($header);
    expect(true, $client->Wait(['Timeout' => 'PT0S'])->Version > 0);
});

step('url', function () use (&$client, &$address) {  // the activity's own address needs no header
    $client->__setSoapHeaders(null);
    $client->__setLocation($address);
    expect(true, $client->Wait(['Timeout' => 'PT0S'])->Version > 0);
});

step('wait', function () use (&$client) {  // each Wait is answered at the end of the work, or at the server's own limit
    do {
        $waited = $client->Wait(['Timeout' => 'PT30S']);
    } while ($waited->Status === 'Running');
    expect('Failed', $waited->Phase);
});

step('property', function () use (&$client) {
    expect('Failed', $client->GetResourceProperty('act:Phase')->any['Phase']);
});

step('document', function () use (&$client, &$address) {
    $document = $client->GetResourcePropertyDocument()->any['ActivityProperties'];
    expect(3, $document->ExitCode);
    expect("$address/result/result", $document->Result[0]->href);
});

step('query', function () use (&$client) {
    $expression = ['Dialect' => XPATH, 'any' => 'number(//act:ExitCode) + 1'];
    expect('4', $client->QueryResourceProperties(['QueryExpression' => $expression])->any['Value']);
});

step('termination', function () use (&$client) {
    $changed = $client->SetTerminationTime(['RequestedLifetimeDuration' => 'PT1H']);
    expect(3600, strtotime($changed->NewTerminationTime) - strtotime($changed->CurrentTime));
});

step('fault', function () use (&$client) {
    $detail = fault(fn() => $client->GetResourceProperty('act:Colour'));
    expect(true, str_contains($detail->InvalidResourcePropertyQNameFault->Description, 'Colour'));
});

step('result', function () use (&$address) {
    $login = 'Authorization: Basic ' . base64_encode('any:' . getenv('TOKEN'));
    $context = stream_context_create(['http' => ['header' => $login]]);
    expect('hello', file_get_contents("$address/result/stdout", false, $context));
});

step('destroy', function () use (&$client) {
    $client->Destroy();
    $detail = fault(fn() => $client->GetResourcePropertyDocument());
    expect(true, isset($detail->ResourceUnknownFault));
});
