// How a caller is shown on a trunk, and how we prove who we are there.
#pragma once

#include <optional>

#include "base/crypto.h"
#include "call/call_context.h"

namespace tandem::model {
struct Trunk;
}
namespace tandem::store {
class Catalog;
}

namespace tandem::call {

struct Outward {
    const store::Catalog& catalog;
    const SealKey& key;  // of passwords
    const CallFacts& facts;
};

Outside outside_of(const model::Trunk& trunk, const Outward& outward);
// nullopt: it has no password, or one that was sealed elsewhere.
std::optional<sip::LegCredentials> credentials_of(const model::Trunk& trunk, const SealKey& key);

}  // namespace tandem::call
