// What the groups of registrars have agreed on: which of them has which domains. The agreement is
// one key, binding/~sharing, and every write of an active copy compares it. So in the moment in
// which it changes nobody can write by the former one any more, and what a group then reads of the
// domains that are new to it is all that there will be.
//
// It holds a digest: everybody works out the choices themselves from the catalog
// (ports/domain_groups.h), and waits until they come to the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "ports/domain_groups.h"
#include "store/kv.h"

namespace tandem::roles::registrar {

inline constexpr std::string_view sharing_key = "binding/~sharing";

// "<number> <digest> <generation> <revision>"; absent: all zero.
struct SharingRecord {
    uint64_t number = 0;    // counts changes: the next one tells what a group has gained
    uint64_t digest = 0;    // of the choices
    store::Revision as_of;  // of the layers that they were read from: later knowledge wins
    friend bool operator==(const SharingRecord&, const SharingRecord&) = default;
};
std::string to_text(const SharingRecord& record);
std::optional<SharingRecord> parse_sharing(std::string_view text);

// One of a registrar.
class SharingAgreement {
 public:
    // What the catalog of this node says. The revision is that of the layers' last change.
    void want(Now now, const ports::GroupChoices& choices, store::Revision layers);
    // The key as read or watched; nullptr: it is absent.
    void learn(Now now, const store::KeyValue* item);

    bool agrees() const { return record_.digest == wanted_.digest(); }
    const ports::GroupChoices& wanted() const { return wanted_; }
    const SharingRecord& record() const { return record_; }
    // To be compared by every write.
    store::Compare guard() const;
    // A new record by our knowledge; nullopt: not now, as somebody knew more than we do, or as one
    // is on its way.
    std::optional<store::Txn> proposal(Now now, const std::vector<store::Compare>& post);
    std::optional<Instant> next_deadline() const;

 private:
    void look(Now now);

    ports::GroupChoices wanted_;
    store::Revision layers_;
    SharingRecord record_;
    std::string text_;                 // of the record, as in the store; empty: absent
    std::optional<Instant> since_;     // we disagree
    std::optional<Instant> again_at_;  // a proposal, when there was no news of the last one
};

}  // namespace tandem::roles::registrar
