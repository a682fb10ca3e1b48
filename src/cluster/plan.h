// What a logic layer is worth before it is applied: what is wrong with it, what the death of each
// part would cost, and what changes between two of them. Pure, over entities of the model; API, CLI
// and Studio show it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "model/generated/interface.h"
#include "model/generated/role_instance.h"
#include "model/generated/server.h"

namespace tandem::cluster {

// A tree of domains that the logic layer gives to a group, in place of the one that would be
// chosen.
struct Assignment {
    std::string domain;   // name; empty: it has gone
    bool is_root = true;  // of its tree; another one has no say
    model::RoleCode role = model::RoleCode::Sr;
    int group = 1;
    friend bool operator==(const Assignment&, const Assignment&) = default;
};
// Infrastructure and logic layer, as far as they matter here.
struct Layout {
    std::vector<model::Server> servers;
    std::vector<model::Interface> interfaces;
    std::vector<model::RoleInstance> instances;
    std::vector<Assignment> assignments;
};

// Whether one copy of the role is active in each group.
bool is_active_passive(model::RoleCode role);
// Of an Active-Passive role: whether a site may have several groups, which share the domains.
bool has_domain_groups(model::RoleCode role);
// The name of a group in leader/<group>: "sr-1".
std::string group_name(model::RoleCode role, int group);

enum class Severity : uint8_t {
    Error,    // it would not work
    Warning,  // it works until something dies
};
// A field of a role instance that has part in it: "sip_gate.udp_port".
struct Place {
    RoleInstanceId instance;
    std::string field;
    friend bool operator==(const Place&, const Place&) = default;
};
struct Finding {
    Severity severity = Severity::Error;
    std::string_view code;  // "port-clash"
    std::string text;       // a sentence, with names and numbers
    std::vector<Place> places;
    friend bool operator==(const Finding&, const Finding&) = default;
};
// Errors first, at most findings_max.
std::vector<Finding> check(const Layout& layout);
// The errors of `after` in which the instance has part, without those that `before` had already:
// what speaks against changing this one instance.
std::vector<Finding> errors_brought_by(const Layout& before, const Layout& after,
                                       RoleInstanceId instance);

// What might die.
struct Subject {
    enum class Kind : uint8_t { Server, Node, Instance };
    Kind kind = Kind::Server;
    ServerId server;
    int node = 0;
    RoleInstanceId instance;
};
struct Switch {  // an Active-Passive group changes its active copy
    model::RoleCode role = model::RoleCode::Sr;
    int group = 1;
    RoleInstanceId to;  // nil: there is no other copy
};
struct Loss {
    Subject subject;
    std::vector<Switch> switches;
    std::vector<model::RoleCode> roles_gone;  // without any copy afterwards
    int media_left_percent = 100;             // of contexts
    bool answered_calls_survive = true;       // as settings and the remaining copies allow it
    std::string text;  // "If server s2 dies: SR group 1 switches to SR 12 on server s1, ..."
};
Loss loss_of(const Layout& layout, const Subject& subject);
// Of each server, each node of a server with several, and each instance of a node with several.
std::vector<Loss> losses(const Layout& layout);

struct Change {
    enum class Kind : uint8_t {
        Start,
        Change,   // a setting that takes effect at once
        Restart,  // a setting that needs the instance to start anew
        Move,     // drained where it is, then started elsewhere
        Stop,     // drained, then stopped
        Note,     // of one that runs neither before nor after
    };
    Kind kind = Kind::Start;
    RoleInstanceId instance;
    std::string text;
};
// In the order in which they are to be done: what starts comes before what stops. Empty: the role
// instances are the same, and run on the same servers.
std::vector<Change> difference(const Layout& before, const Layout& after);

}  // namespace tandem::cluster
