// The stored form of a binding:
//   {"v":1,"contact":"sip:1001@192.0.2.9:5060","params":";+sip.instance=...","instance":"urn:..",
//    "reg_id":1,"q":1000,"expires":1790000000000,"registered":1789999400000,
//    "call_id":"..","cseq":7,
//    "flow":"1;UDP;1;0;192.0.2.9:5060","agent":"..","path":"<sip:..;lr>"}
// Empty members are left out; unknown ones are ignored, so that an older instance reads what a
// newer one wrote.
#include "roles/registrar/binding_record.h"
#include "roles/registrar/limits.h"
#include "sip/scanner.h"
#include "store/stored_object.h"

namespace tandem::roles::registrar {
namespace {

void append_text(std::string& out, std::string_view name, std::string_view value) {
    if (value.empty()) return;
    constexpr char kDigits[] = "0123456789abcdef";
    out += ",\"";
    out += name;
    out += "\":\"";
    for (const char c : value) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (octet < 0x20 || octet >= 0x7f) {
            // Header text need not be valid UTF-8, so octets are kept one by one.
            out += "\\u00";
            out += kDigits[octet >> 4];
            out += kDigits[octet & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_number(std::string& out, std::string_view name, int64_t value) {
    out += ",\"";
    out += name;
    out += "\":";
    out += std::to_string(value);
}

// The inverse of the escaping above: each code point below U+0100 was one octet.
std::string octets_of(std::string_view utf8) {
    std::string text;
    text.reserve(utf8.size());
    for (size_t i = 0; i < utf8.size(); ++i) {
        const auto lead = static_cast<unsigned char>(utf8[i]);
        const bool pair = (lead == 0xc2 || lead == 0xc3) && i + 1 < utf8.size();
        if (pair) {
            const auto low = static_cast<unsigned char>(utf8[++i]);
            text += static_cast<char>((lead & 3) << 6 | (low & 0x3f));
        } else {
            text += static_cast<char>(lead);
        }
    }
    return text;
}

Error damaged(std::string_view field) {
    return make_error(ErrorCode::Malformed, field, "the stored binding cannot be read");
}

}  // namespace

std::string encode_binding(const BindingRecord& record) {
    std::string out;
    out.reserve(512);
    out += "{\"v\":1";
    append_text(out, "contact", record.contact());
    append_text(out, "params", record.contact_params());
    append_text(out, "instance", record.instance_id());
    append_number(out, "reg_id", record.reg_id);
    append_number(out, "q", record.q_thousandths);
    append_number(out, "expires", record.stored_until.unix_ms);
    append_number(out, "registered", record.registered.unix_ms);
    append_text(out, "call_id", record.call_id());
    append_number(out, "cseq", record.cseq);
    append_text(out, "flow", record.flow.text());
    append_text(out, "agent", record.user_agent());
    append_text(out, "path", record.path());
    out += '}';
    return out;
}

Result<BindingRecord> decode_binding(std::string_view text) {
    const auto object = store::StoredObject::parse(text);
    if (!object) return damaged("");
    const auto octets = [&](std::string_view name) { return octets_of(object->text(name)); };
    ports::Binding binding;
    binding.contact = octets("contact");
    if (binding.contact.empty()) return damaged("contact");
    const auto flow = ports::Flow::parse(octets("flow"));
    if (!flow) return damaged("flow");
    binding.flow = *flow;
    binding.contact_params = octets("params");
    binding.instance_id = octets("instance");
    binding.reg_id = static_cast<uint32_t>(object->number("reg_id"));
    binding.q_thousandths = static_cast<uint16_t>(object->number("q"));
    binding.expires = {object->number("expires")};
    binding.registered = {object->number("registered")};
    binding.call_id = octets("call_id");
    binding.cseq = static_cast<uint32_t>(object->number("cseq"));
    binding.user_agent = octets("agent");
    if (std::string path = octets("path"); !path.empty()) binding.path = {std::move(path)};
    const size_t size = binding.contact.size() + binding.contact_params.size() +
                        binding.instance_id.size() + binding.call_id.size() +
                        binding.user_agent.size() +
                        (binding.path.empty() ? 0 : binding.path[0].size());
    if (size > binding_text_bytes_max + user_agent_bytes_max) return damaged("size");
    BindingRecord record(binding);
    record.stored_until = record.expires;
    return record;
}

}  // namespace tandem::roles::registrar
