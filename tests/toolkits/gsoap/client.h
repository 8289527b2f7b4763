// What soapcpp2 reads: all that wsdl2h made of the WSDL, and a place in the SOAP header for reference parameters,
// whose elements are known to nobody but the server: __ makes gSOAP write them as they are.
//gsoapopt c++,w
#import "activity.h"
mutable struct SOAP_ENV__Header
{
    _XML __reference;
};
