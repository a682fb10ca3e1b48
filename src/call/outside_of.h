// How a caller is shown on a trunk, and how we prove who we are there.
#pragma once

#include <optional>
#include <vector>

#include "base/crypto.h"
#include "call/call_context.h"

namespace tandem::model {
struct Trunk;
struct TrunkGroup;
}  // namespace tandem::model
namespace tandem::store {
class Catalog;
}

namespace tandem::call {

struct Outward {
    const store::Catalog& catalog;
    const SealKey& key;  // of passwords
    const CallFacts& facts;
};

// `group`: that the trunk is taken from; nullptr: none.
Outside outside_of(const model::Trunk& trunk, const model::TrunkGroup* group,
                   const Outward& outward);
// What a snapshot does not keep of it, as the catalog has it by now.
void know_trunk_again(Outside& outside, const store::Catalog& catalog, const SealKey& key);
// nullopt: it has no password, or one that was sealed elsewhere.
std::optional<sip::LegCredentials> credentials_of(const model::Trunk& trunk, const SealKey& key);
OfferLimits limits_of(const model::Trunk& trunk);
std::optional<SrtpPolicy> srtp_of(const model::Trunk& trunk);
// None of a trunk that is not there.
OfferLimits limits_of(const store::Catalog& catalog, TrunkId trunk);
// How the call comes to the destination, with numbers as they are written there.
std::vector<routing::Forward> path_to(const store::Catalog& catalog, const Destination& to);

}  // namespace tandem::call
