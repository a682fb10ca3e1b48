// Any message that the parser and the validator let through, as a REGISTER: reading it, planning
// its bindings and storing them must hold for all of them.
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "roles/registrar/binding_update.h"
#include "roles/registrar/limits.h"
#include "sip/parser.h"
#include "sip/validate.h"

using namespace tandem;
using namespace tandem::roles::registrar;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto request = sip::parse_message(as_text({data, size}));
    if (!request || !request->is_request() || !sip::validate_request(*request)) return 0;
    if (!check_required(*request)) return 0;
    const auto wanted = read_register(*request, {60, 600, 3600});
    if (!wanted) return 0;
    const ports::Flow flow = *ports::Flow::parse("1;UDP;1;0;192.0.2.9:5060");
    const UtcTime now{1'790'000'000'000};
    const UpdateSource source{*request, flow, now, 10};
    const auto update = plan_update({}, *wanted, source);
    if (!update) return 0;
    if (update->puts.size() > contacts_per_request_max) std::abort();
    for (const BindingRecord& put : update->puts) {
        const auto stored = decode_binding(encode_binding(put));
        if (!stored || !stored->same_but_for_time(put)) std::abort();
        if (put.expires > put.stored_until || put.expires <= now) std::abort();
    }
    // The same again changes nothing.
    const auto again = plan_update(update->puts, *wanted, source);
    if (!again || again->needs_write != !again->removals.empty()) std::abort();
    return 0;
}
