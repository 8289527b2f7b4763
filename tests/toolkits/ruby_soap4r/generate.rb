# Generates Ruby classes from the WSDL, as wsdl2ruby.rb does, which needs a class that Ruby's logger has no more.
require "logger"
require "wsdl/soap/wsdl2ruby"

worker = WSDL::SOAP::WSDL2Ruby.new
worker.location = ENV["WSDL"]
worker.logger = Logger.new(nil)
worker.opt.update("module_path" => "Act", "classdef" => nil, "mapping_registry" => nil, "driver" => nil, "force" => true)
worker.run
