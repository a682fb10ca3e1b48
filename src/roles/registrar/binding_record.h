// One binding as the registrar keeps it: the texts in one block, so that a million of them fit.
// Its stored form is a JSON object, written by hand because each REGISTER writes one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/registrar_port.h"

namespace tandem::roles::registrar {

class BindingRecord {
 public:
    BindingRecord() = default;
    explicit BindingRecord(const ports::Binding& binding);

    ports::Binding unpack() const;

    std::string_view contact() const { return part(Part::Contact); }
    std::string_view contact_params() const { return part(Part::ContactParams); }
    std::string_view instance_id() const { return part(Part::InstanceId); }
    std::string_view call_id() const { return part(Part::CallId); }
    std::string_view user_agent() const { return part(Part::UserAgent); }
    std::string_view path() const { return part(Part::Path); }  // joined by commas

    // Everything alike but the times and the CSeq.
    bool same_but_for_time(const BindingRecord& other) const;
    // The Call-ID may be another, too: the phone began anew and is the same for all who look for
    // it. After a restart of ours the order of its requests (RFC 3261 10.3 step 7) counts anew.
    bool is_refresh_of(const BindingRecord& other) const;
    size_t memory() const { return sizeof(*this) + text_.capacity(); }

    uint64_t key = 0;  // its name in the store, fixed when it was made
    ports::Flow flow;
    UtcTime expires;
    UtcTime stored_until;  // the expiry that the store has; 0: not stored yet
    UtcTime registered;
    uint32_t cseq = 0;
    uint32_t reg_id = 0;
    uint16_t q_thousandths = 1000;
    bool flow_gone = false;  // its connection ended: cannot be reached until it registers again

 private:
    enum class Part : uint8_t { Contact, ContactParams, InstanceId, CallId, UserAgent, Path };
    static constexpr size_t kParts = 6;
    std::string_view part(Part which) const;
    void add(Part which, std::string_view text);

    std::string text_;
    std::array<uint16_t, kParts> ends_{};
};

// RFC 3261 10.3 step 7 matches by URI, RFC 5626 6 by instance and reg-id where both are there.
uint64_t binding_key(std::string_view contact_uri, std::string_view instance_id, uint32_t reg_id);
std::string key_text(uint64_t key);  // 16 hex digits

// With `expires` replaced by the stored one.
std::string encode_binding(const BindingRecord& record);
Result<BindingRecord> decode_binding(std::string_view json);

// The expiry to store for one of `granted_s` seconds: far enough away that the refreshes of the
// next while need no write, near enough that a phone which left is forgotten after a restart too.
UtcTime stored_expiry(UtcTime expires, int64_t granted_s, int64_t step_max_s);

}  // namespace tandem::roles::registrar
