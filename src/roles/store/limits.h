// Bounds of the store role, each with its reason.
#pragma once

#include <cstddef>

namespace tandem::roles::store_role {

// The tree of domains: deeper than any organisation, and a bound on walking up from a leaf.
inline constexpr int domain_depth_max = 16;
// A list is one answer of the API: a thousand accounts are about 300 KiB.
inline constexpr size_t list_limit_max = 1000;

}  // namespace tandem::roles::store_role
