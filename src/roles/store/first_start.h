// What an empty store is filled with: one site, one server, one interface, a copy of each role, and
// the system's settings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/rng.h"
#include "model/entities.h"
#include "store/kv.h"
#include "store/writer.h"

namespace tandem::roles::store_role {

struct PlannedRole {
    model::RoleCode role = model::RoleCode::St;
    int node = 1;  // the process that hosts it
    int group = 1;
};

// All roles that serve an elementary system, in one process.
std::vector<PlannedRole> elementary_roles();

struct FirstStart {
    std::string site = "main";
    std::string server = "server-1";
    std::string link_address;         // that other servers reach; empty: there are none
    std::string address = "0.0.0.0";  // to listen at
    std::string advertised_address;   // told to outsiders; empty: the one that is sent from
    std::vector<PlannedRole> roles = elementary_roles();  // numbered 1, 2, ... in this order
    model::SipGateSettings sip_gate;
    model::WebGateSettings web_gate;
    model::MediaGateSettings media_gate;
    model::B2buaSettings b2bua;
    model::SystemSettings system;
};

// One write; Conflict means that the store was not empty, and then nothing has changed.
store::Member first_start(const FirstStart& plan, UtcTime now, Rng& rng);

}  // namespace tandem::roles::store_role
