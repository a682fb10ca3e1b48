#include "sip/reginfo.h"

#include <algorithm>

#include "sip/xml_text.h"

namespace tandem::sip {
namespace {

std::string_view to_string(RegisteredContact::Event event) {
    using Event = RegisteredContact::Event;
    switch (event) {
        case Event::Registered:
            return "registered";
        case Event::Refreshed:
            return "refreshed";
        case Event::Expired:
            return "expired";
        case Event::Unregistered:
            return "unregistered";
        case Event::Deactivated:
            return "deactivated";
    }
    return "";
}

// "0.75" of 750.
std::string q_text(uint16_t thousandths) {
    if (thousandths >= 1000) return "1";
    std::string digits = std::to_string(1000 + thousandths).substr(1);
    while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
    return "0." + digits;
}

void append_contact(std::string& out, const RegisteredContact& contact) {
    out += "<contact";
    append_xml_attribute(out, "id", contact.id);
    append_xml_attribute(out, "state", contact.is_active() ? "active" : "terminated");
    append_xml_attribute(out, "event", to_string(contact.event));
    append_xml_attribute(out, "duration-registered", std::to_string(contact.registered_for_s));
    if (contact.is_active()) {
        append_xml_attribute(out, "expires", std::to_string(contact.expires_s));
        append_xml_attribute(out, "q", q_text(contact.q_thousandths));
    }
    out += "><uri>";
    append_xml(out, contact.uri);
    out += "</uri>";
    if (!contact.instance_id.empty()) {
        out += "<unknown-param name=\"+sip.instance\">";
        append_xml(out, "\"<" + contact.instance_id + ">\"");
        out += "</unknown-param>";
    }
    out += "</contact>\r\n";
}

}  // namespace

std::string reginfo(const RegistrationInfo& registration, uint32_t version) {
    const auto& contacts = registration.contacts;
    const bool is_active = std::ranges::any_of(contacts, &RegisteredContact::is_active);
    std::string out(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
        "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\"");
    append_xml_attribute(out, "version", std::to_string(version));
    out += " state=\"full\">\r\n<registration";
    append_xml_attribute(out, "aor", registration.aor);
    append_xml_attribute(out, "id", registration.id);
    // RFC 3680 4.7.1: before its first contact it is in `init`.
    append_xml_attribute(out, "state",
                         is_active          ? "active"
                         : contacts.empty() ? "init"
                                            : "terminated");
    out += ">\r\n";
    for (const RegisteredContact& each : contacts) append_contact(out, each);
    return out + "</registration>\r\n</reginfo>\r\n";
}

}  // namespace tandem::sip
