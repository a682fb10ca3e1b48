#include "roles/registrar/binding_record.h"

#include "base/check.h"
#include "base/crypto.h"
#include "roles/registrar/limits.h"
#include "sip/scanner.h"
#include "sip/uri.h"

namespace tandem::roles::registrar {
namespace {

// Not secret: who can choose a contact can only collide with bindings of the same account.
constexpr SipHashKey kNameKey{0x62696e64696e6773, 0x7265676973747261};

std::string joined(const std::vector<std::string>& path) {
    std::string text;
    for (const std::string& hop : path) {
        if (!text.empty()) text += ',';
        text += hop;
    }
    return text;
}

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> hops;
    while (!path.empty()) {
        const std::string_view hop = sip::next_list_value(path);
        if (!hop.empty()) hops.emplace_back(hop);
    }
    return hops;
}

}  // namespace

BindingRecord::BindingRecord(const ports::Binding& binding)
    : flow(binding.flow),
      expires(binding.expires),
      registered(binding.registered),
      cseq(binding.cseq),
      reg_id(binding.reg_id),
      q_thousandths(binding.q_thousandths) {
    const std::string path = joined(binding.path);
    text_.reserve(binding.contact.size() + binding.contact_params.size() +
                  binding.instance_id.size() + binding.call_id.size() + binding.user_agent.size() +
                  path.size());
    add(Part::Contact, binding.contact);
    add(Part::ContactParams, binding.contact_params);
    add(Part::InstanceId, binding.instance_id);
    add(Part::CallId, binding.call_id);
    add(Part::UserAgent, binding.user_agent);
    add(Part::Path, path);
    key = binding_key(binding.contact, binding.instance_id, binding.reg_id);
}

void BindingRecord::add(Part which, std::string_view text) {
    text_ += text;
    CHECK(text_.size() <= UINT16_MAX);  // bounded by binding_text_bytes_max before
    ends_[static_cast<size_t>(which)] = static_cast<uint16_t>(text_.size());
}

std::string_view BindingRecord::part(Part which) const {
    const auto index = static_cast<size_t>(which);
    const size_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(text_).substr(begin, ends_[index] - begin);
}

ports::Binding BindingRecord::unpack() const {
    ports::Binding binding;
    binding.contact = contact();
    binding.contact_params = contact_params();
    binding.instance_id = instance_id();
    binding.reg_id = reg_id;
    binding.q_thousandths = q_thousandths;
    binding.expires = expires;
    binding.call_id = call_id();
    binding.cseq = cseq;
    binding.flow = flow;
    binding.path = split(path());
    binding.user_agent = user_agent();
    binding.registered = registered;
    return binding;
}

bool BindingRecord::same_but_for_time(const BindingRecord& other) const {
    return text_ == other.text_ && ends_ == other.ends_ && flow == other.flow &&
           reg_id == other.reg_id && q_thousandths == other.q_thousandths;
}

bool BindingRecord::is_refresh_of(const BindingRecord& other) const {
    return contact() == other.contact() && contact_params() == other.contact_params() &&
           instance_id() == other.instance_id() && user_agent() == other.user_agent() &&
           path() == other.path() && flow == other.flow && reg_id == other.reg_id &&
           q_thousandths == other.q_thousandths;
}

uint64_t binding_key(std::string_view contact_uri, std::string_view instance_id, uint32_t reg_id) {
    std::string name;
    if (!instance_id.empty() && reg_id != 0) {
        name = "instance ";
        name += instance_id;
        name += ' ';
        name += std::to_string(reg_id);
    } else {
        name = "contact ";
        name += contact_uri;
    }
    return siphash(kNameKey, as_bytes(name));
}

std::string key_text(uint64_t key) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text(16, '0');
    for (size_t i = 0; i < 16; ++i) text[15 - i] = kDigits[key >> (4 * i) & 15];
    return text;
}

UtcTime stored_expiry(UtcTime expires, int64_t granted_s, int64_t step_max_s) {
    if (granted_s < quantised_from_s || step_max_s <= 0) return expires;
    // Rounded up to a whole period: a phone that refreshes at half its period writes every second
    // time, and one that left is forgotten within two periods at the most.
    const int64_t step = std::min(granted_s, step_max_s) * 1000;
    return {(expires.unix_ms / step + 1) * step};
}

}  // namespace tandem::roles::registrar
