<?php
// Services in Python, called with PHP's SoapClient by their own WSDLs. Reads WORDS_WSDL, SURVEY_WSDL and TOKEN.

const ACT = 'urn:wsrf-activity:1';

/** Gives the href of each result a prefix: without one SoapClient takes it for SOAP encoding's, and dies. */
class ServiceClient extends SoapClient
{
    public function __doRequest(string $request, string $location, string $action, int $version, bool $oneWay = false): ?string
    {
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

/** Makes the next calls synchronous: the answer is the value. */
function synchronous(SoapClient $client): SoapClient
{
    $options = '<act:StartOptions xmlns:act="' . ACT . '"><act:Synchronous>true</act:Synchronous></act:StartOptions>';
    $client->__setSoapHeaders(new SoapHeader(ACT, 'StartOptions', new SoapVar($options, XSD_ANYXML)));
    return $client;
}

step('import', function () use (&$words, &$survey) {
    $options = ['login' => 'any', 'password' => getenv('TOKEN'), 'cache_wsdl' => WSDL_CACHE_NONE];
    $words = new ServiceClient(getenv('WORDS_WSDL'), $options);
    $survey = new ServiceClient(getenv('SURVEY_WSDL'), $options + ['features' => SOAP_SINGLE_ELEMENT_ARRAYS]);
});

step('start', function () use (&$words) {
    $started = $words->count(['text' => 'to be or not to be']);
    $reference = new SoapVar($started->EndpointReference->ReferenceParameters->any, XSD_ANYXML);
    $words->__setSoapHeaders(new SoapHeader('urn:wsrf-activity:1:reference', 'Activity', $reference));
    do {  // the header says which activity, at the service's address
        $state = $words->Wait(['Timeout' => 'PT30S']);
    } while ($state->Status === 'Running');
    $document = $words->GetResourcePropertyDocument()->any['ActivityProperties'];
    $found = array_filter($document->Result, fn ($each) => $each->name === 'result');
    expect('6', current($found)->Text);
});

step('call', function () use (&$words) {
    expect('2', strval(synchronous($words)->count(['text' => 'to be'])->countResult));
});

step('rich', function () use (&$survey) {
    $points = [
        ['label' => 'hill', 'height' => 12.5],
        ['label' => 'peak', 'height' => 99.25, 'seen' => '2026-01-01T10:30:00Z'],
    ];
    $answer = synchronous($survey)->summarise(['points' => $points, 'unit' => 'foot', 'tags' => ['a', 'b']]);
    $summary = $answer->summariseResult;
    expect(['foot', ['hill', 'peak', 'a', 'b']], [$summary->unit, $summary->labels]);
    expect(['peak', 99.25], [$summary->highest->label, $summary->highest->height]);
    expect(['2026-01-01T10:30:00Z', '2026-01-31T12:30:00Z'], [$summary->highest->seen, $summary->made]);
});

step('invalid', function () use (&$survey) {
    $wrong = [['label' => 'hill', 'height' => 1], ['label' => 'pit', 'height' => 2, 'seen' => 'yesterday']];
    $detail = fault(fn () => $survey->summarise(['points' => $wrong]));
    $said = $detail->InvalidParameterFault;
    expect(['points', '2', 'seen'], [$said->Parameter, strval($said->Row), $said->Column]);
});

step('failed', function () use (&$survey) {
    $detail = fault(fn () => synchronous($survey)->summarise(['points' => []]));
    expect('Failed', $detail->WorkFailedFault->Phase);
});
