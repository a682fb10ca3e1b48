// What one REGISTER does to the bindings of its account. Pure: no clock, no store. RFC 3261 10.3
// steps 6 and 7: all of it or none.
#pragma once

#include <expected>
#include <span>
#include <vector>

#include "roles/registrar/binding_record.h"
#include "roles/registrar/register_request.h"

namespace tandem::roles::registrar {

struct BindingUpdate {
    std::vector<BindingRecord> puts;
    std::vector<uint64_t> removals;
    // Some put is not covered by what is stored, or something is removed.
    bool needs_write = false;
};

struct UpdateSource {
    const sip::Message& request;
    ports::Flow flow;
    UtcTime now;
    size_t contacts_max = 10;
    int64_t expiry_step_s = 3600;  // 0: what is stored expires with its binding
};

std::expected<BindingUpdate, Rejection> plan_update(std::span<const BindingRecord> current,
                                                    const RegisterRequest& wanted,
                                                    const UpdateSource& source);

}  // namespace tandem::roles::registrar
