# An activity from beginning to end with SOAP::Lite. Reads WSDL, ADDRESS and TOKEN from the environment.
use strict;
use warnings;
use MIME::Base64;
use SOAP::Lite;

use constant XPATH => 'http://www.w3.org/TR/1999/REC-xpath-19991116';
my %NAMESPACES = (
    act    => 'urn:wsrf-activity:1',
    wsrfrl => 'http://docs.oasis-open.org/wsrf/rl-2',
    wsrfrp => 'http://docs.oasis-open.org/wsrf/rp-2',
);

# SOAP::Lite takes any attribute href for one of SOAP encoding, and dies where it leads out of the message, as that of a
# result does: it becomes the attribute location.
package Deserializer {
    our @ISA = 'SOAP::Deserializer';

    sub decode_object {
        my ($self, $element) = @_;
        my $attributes = $element->[1];
        $attributes->{location} = delete $attributes->{href} if exists $attributes->{href};
        return $self->SUPER::decode_object($element);
    }
}

# Says what came of a step, and goes on.
sub step {
    my ($name, $do) = @_;
    eval { $do->(); 1 } ? print "ok $name\n" : print "failed $name ", $@ =~ s/\s+/ /gr, "\n";
}

sub expect {
    my ($wanted, $got) = @_;
    die "expected $wanted, not " . ($got // 'nothing') unless defined $got && $wanted eq $got;
}

my ($soap, $operations, $address, $reference);

# Calls an operation and returns the reply. SOAP::Lite makes RPC messages from a WSDL, not document/literal, so the body is
# ours; what the WSDL gives is the SOAPAction.
sub request {
    my ($endpoint, $operation, $body, @headers) = @_;
    my $envelope = $soap->serializer->envelope(freeform => $body, @headers);
    my $reply = $soap->transport->send_receive(
        context  => $soap,
        endpoint => $endpoint,
        action   => $operations->{$operation}{soapaction}->value,
        envelope => $envelope,
        encoding => 'UTF-8',
    );
    return $soap->deserializer->deserialize($reply);
}

# The same, for what must go well.
sub call {
    my $reply = request(@_);
    die $reply->faultstring if $reply->fault;
    return $reply;
}

step import => sub {
    $operations = SOAP::Schema->schema_url($ENV{WSDL})->parse->services->{ActivityService};
    $soap = SOAP::Lite->proxy($ENV{ADDRESS});
    $soap->transport->proxy->default_header(Authorization => 'Basic ' . encode_base64("any:$ENV{TOKEN}", ''));
    $soap->deserializer(Deserializer->new);
    $soap->serializer->autotype(0)->encodingStyle('');  # document/literal: no xsi:type, no encoding
    $soap->serializer->register_ns($NAMESPACES{$_} => $_) for keys %NAMESPACES;
};

step create => sub {
    my $created = call($ENV{ADDRESS}, 'CreateActivity', SOAP::Data->name('act:CreateActivity' => \SOAP::Data->value(
        SOAP::Data->name('act:Command' => 'cat; exit 3'),
        SOAP::Data->name('act:Input' => encode_base64('hello', '')),
    )));
    $address = $created->valueof('//EndpointReference/Address');  # store this
    my $parameter = $created->dataof('//ReferenceParameters/[1]');
    $reference = SOAP::Header->name($parameter->name => $parameter->value)->uri($parameter->uri);
};

my $glance = SOAP::Data->name('act:Wait' => \SOAP::Data->name('act:Timeout' => 'PT0S'));

step header => sub {  # the service's own address, and the header says which activity
    my $waited = call($ENV{ADDRESS}, 'Wait', $glance, $reference);
    expect(1, $waited->valueof('//Version') > 0);
};

step url => sub {  # the activity's own address needs no header
    my $waited = call($address, 'Wait', $glance);
    expect(1, $waited->valueof('//Version') > 0);
};

step wait => sub {  # each Wait is answered at the end of the work, or when the server's own limit is reached
    my ($wait, $waited) = SOAP::Data->name('act:Wait' => \SOAP::Data->name('act:Timeout' => 'PT30S'));
    do { $waited = call($address, 'Wait', $wait) } while $waited->valueof('//Status') eq 'Running';
    expect('Failed', $waited->valueof('//Phase'));
};

step property => sub {
    my $found = call($address, 'GetResourceProperty', SOAP::Data->name('wsrfrp:GetResourceProperty' => 'act:Phase'));
    expect('Failed', $found->valueof('//Phase'));
};

step document => sub {
    my $wanted = SOAP::Data->name('wsrfrp:GetResourcePropertyDocument' => '');
    my $document = call($address, 'GetResourcePropertyDocument', $wanted);
    expect(3, $document->valueof('//ActivityProperties/ExitCode'));
    expect("$address/result/result", $document->dataof('//ActivityProperties/Result')->attr->{location});
};

step query => sub {
    my $expression = SOAP::Data->name('wsrfrp:QueryExpression' => 'number(//act:ExitCode) + 1')->attr({ Dialect => XPATH });
    my $query = SOAP::Data->name('wsrfrp:QueryResourceProperties' => \$expression);
    expect(4, call($address, 'QueryResourceProperties', $query)->valueof('//Value'));
};

step termination => sub {
    my $lifetime = SOAP::Data->name('wsrfrl:RequestedLifetimeDuration' => 'PT1H');
    my $changed = call($address, 'SetTerminationTime', SOAP::Data->name('wsrfrl:SetTerminationTime' => \$lifetime));
    expect(1, $changed->valueof('//NewTerminationTime') gt $changed->valueof('//CurrentTime'));
};

step fault => sub {
    my $wanted = SOAP::Data->name('wsrfrp:GetResourceProperty' => 'act:Colour');
    my $fault = request($address, 'GetResourceProperty', $wanted)->faultdetail;
    expect(1, $fault->{InvalidResourcePropertyQNameFault}{Description} =~ /Colour/);
};

step result => sub {
    expect('hello', $soap->transport->proxy->get("$address/result/stdout")->content);
};

step destroy => sub {
    call($address, 'Destroy', SOAP::Data->name('wsrfrl:Destroy' => ''));
    my $fault = request($address, 'Wait', $glance)->faultdetail;
    expect(1, exists $fault->{ResourceUnknownFault});
};
