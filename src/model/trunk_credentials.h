// The passwords of a trunk's `credentials`, which have users and realms of their own.
#pragma once

#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/rng.h"
#include "model/generated/trunk.h"

namespace tandem::model {

// One for each entry, in their order. Empty: there are none, or they were sealed under another key.
std::vector<std::string> passwords_of(const Trunk& trunk, const SealKey& key);
void set_passwords(Trunk& trunk, const std::vector<std::string>& passwords, const SealKey& key,
                   Rng& rng);

}  // namespace tandem::model
