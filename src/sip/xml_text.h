// Text inside XML (W3C XML 1.0 2.4): the bodies of event packages are written by hand, as they are
// short. What phones publish is read by xml_reader.h.
#pragma once

#include <string>
#include <string_view>

namespace tandem::sip {

// Appends `text` as the value of an attribute or the content of an element. What XML cannot hold
// (control characters, bytes that are no UTF-8) becomes '?'.
void append_xml(std::string& out, std::string_view text);
// name="text", with a space before it.
void append_xml_attribute(std::string& out, std::string_view name, std::string_view text);

}  // namespace tandem::sip
