# An activity from beginning to end with soap4r. Reads WSDL, ADDRESS and TOKEN from the environment.
require "logger"  # soap4r forgets to
require "httpclient"
require "soap/header/simplehandler"
require "ActivityDriver"  # made by generate.rb

ACT = "urn:wsrf-activity:1"
RP = "http://docs.oasis-open.org/wsrf/rp-2"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"

# The reference parameter as a header: of elements that no schema declares soap4r keeps name and text, not the namespace.
class Reference < SOAP::Header::SimpleHandler
  def initialize(id)
    super(XSD::QName.new("urn:wsrf-activity:1:reference", "Activity"))
    @id = id
  end

  def on_simple_outbound
    @id
  end
end

# Says what came of a step, and goes on.
def step(name)
  yield
  puts "ok #{name}"
rescue StandardError => error
  puts "failed #{name} #{error.message.tr("\n", " ")}"
end

def expect(wanted, got)
  raise "expected #{wanted.inspect}, not #{got.inspect}" unless wanted === got
end

# Returns the fault that a call raises, if it is of that name: an object of the class generated for its type.
def fault(name)
  yield
rescue SOAP::FaultError => error
  error.detail[name]
end

# Returns a request of a generated class with these members set.
def request(kind, members)
  members.each_with_object(kind.new) { |(name, value), made| made.send("#{name}=", value) }
end

# A driver for an address, with the login.
def driver(address)
  Act::ActivityPortType.new(address).tap { |made| made.options["protocol.http.auth"] << [address, "any", ENV["TOKEN"]] }
end

service = created = address = activity = nil

step("import") { service = driver(ENV["ADDRESS"]) }

step("create") do
  created = service.createActivity(request(Act::CreateActivity, command: "cat; exit 3", input: ["hello"].pack("m0")))
  address = created.endpointReference.address.to_s  # store this
end

step("header") do  # the service's own address, and the header says which activity
  reference = Reference.new(created.endpointReference.referenceParameters.activity)
  service.headerhandler << reference
  expect 1.., service.wait(request(Act::Wait, timeout: "PT0S")).version.to_i
  service.headerhandler.delete(reference)
end

step("url") do  # the activity's own address needs no header
  activity = driver(address)
  expect 1.., activity.wait(request(Act::Wait, timeout: "PT0S")).version.to_i
end

step("wait") do  # each Wait is answered at the end of the work, or when the server's own limit is reached
  waited = activity.wait(request(Act::Wait, timeout: "PT30S")) until waited && waited.status == "Ended"
  expect "Failed", waited.phase
end

step("property") do  # soap4r declares the prefix of a QName by itself
  expect "Failed", activity.getResourceProperty(XSD::QName.new(ACT, "Phase")).phase
end

step("document") do
  document = activity.getResourcePropertyDocument(Act::GetResourcePropertyDocument.new).activityProperties
  expect 3, document.exitCode
end

step("query") do
  # The generated class has no place for text where the content is mixed: the element is made by hand, with its prefix.
  expression = SOAP::SOAPElement.new(XSD::QName.new(RP, "QueryExpression"), "number(//act:ExitCode) + 1")
  expression.extraattr.update("Dialect" => XPATH, "xmlns:act" => ACT)
  query = SOAP::SOAPElement.new(XSD::QName.new(RP, "QueryResourceProperties"))
  query.add(expression)
  expect "4", activity.queryResourceProperties(query).value
end

step("termination") do
  changed = activity.setTerminationTime(request(Act::SetTerminationTime, requestedLifetimeDuration: "PT1H"))
  expect 3600, ((changed.newTerminationTime - changed.currentTime) * 86_400).to_i
end

step("fault") do
  raised = fault("InvalidResourcePropertyQNameFault") { activity.getResourceProperty(XSD::QName.new(ACT, "Colour")) }
  expect Act::InvalidResourcePropertyQNameFaultType, raised
  expect(/Colour/, raised.description.first)
end

step("result") do
  http = HTTPClient.new
  http.set_auth(address, "any", ENV["TOKEN"])
  expect "hello", http.get_content("#{address}/result/stdout")
end

step("destroy") do
  activity.destroy(Act::Destroy.new)
  raised = fault("ResourceUnknownFault") { activity.wait(request(Act::Wait, timeout: "PT0S")) }
  expect Act::ResourceUnknownFaultType, raised
end
