#include "call/snapshot_values.h"

#include "call_snapshot.pb.h"

namespace tandem::call {

void encode_forward(const routing::Forward& from, proto::SnapshotForward& out) {
    out.set_by(octets(from.by));
    out.set_number(from.number);
    out.set_name(from.name);
    out.set_to(from.to);
    out.set_reason(static_cast<uint32_t>(from.reason));
    out.set_domain(octets(from.domain));
}

routing::Forward decode_forward(const proto::SnapshotForward& in) {
    routing::Forward out{id_from<AccountId>(in.by()), in.number(), in.name(), in.to()};
    if (in.reason() <= static_cast<uint32_t>(routing::ForwardReason::Unregistered))
        out.reason = static_cast<routing::ForwardReason>(in.reason());
    if (!in.domain().empty()) out.domain = id_from<DomainId>(in.domain());
    return out;
}

}  // namespace tandem::call
