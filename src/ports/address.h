// Who is who inside a system: kinds of roles, numbers of role instances, and the directory of them.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ports/domain_groups.h"

namespace tandem::ports {

enum class RoleKind : uint8_t {
    SipGate,
    Registrar,
    B2bua,
    MediaGate,
    MediaGateController,
    CallState,
    Store,
    WebGate,
    ExternalSipGate,
};

// Whether one copy of a group is active and the others are not.
bool is_active_passive(RoleKind kind);
// Of an Active-Passive role: whether a site may have several groups of it, which share the domains.
bool has_domain_groups(RoleKind kind);
std::string_view code_of(RoleKind kind);  // "SG", "SR", "B2B", "MG", "MGC", "CS", "ST", "WS", "ESG"
std::optional<RoleKind> role_kind_from_code(std::string_view code);

// The number of a role instance, unique in the system, given in the logic layer (1..65000). Short
// enough to be carried by every branch, tag and contact token that the instance mints.
struct Instance {
    uint16_t number = 0;  // 0: nobody

    friend auto operator<=>(const Instance&, const Instance&) = default;
    explicit operator bool() const { return number != 0; }
};

inline constexpr uint16_t instances_max = 65000;

// What the runtime offers to roles is addressed like a role; these numbers are the same in each
// node.
inline constexpr Instance kTransport{65001};   // SIP sockets of the node of a SIP gate
inline constexpr Instance kMediaPorts{65002};  // RTP sockets of the node of a media gate
inline constexpr Instance kHttp{65003};        // HTTP connections of the node of a web gate
inline constexpr Instance kKeyValue{65004};    // the key-value store
inline constexpr Instance kHistory{65005};     // CDR history, beside the store
inline constexpr Instance kJournal{65006};     // logs, traces and HEP export of this node
inline constexpr Instance kPasswords{65007};   // Argon2id, on a thread of this node
inline constexpr Instance kResolver{65008};    // DNS

// The host of a node: it starts and drains role instances, feeds the catalog and answers
// StatusQuery. A node has one for each shard; only that of shard 0 is addressed from outside the
// node.
inline constexpr uint16_t nodes_max = 200;  // of one system; numbers 1..200
inline constexpr uint16_t shards_max = 2;   // of one node: 0 signalling, 1 media
constexpr Instance host_of(uint16_t node, uint16_t shard = 0) {
    return {static_cast<uint16_t>(65050 + node + shard * 220)};
}
// The node whose host `instance` is; nullopt for anybody else.
std::optional<uint16_t> node_of_host(Instance instance);

struct DirectoryEntry {
    Instance instance;
    RoleKind kind = RoleKind::SipGate;
    uint32_t epoch = 0;     // incarnation: raised at each start of the instance
    uint16_t weight = 100;  // share among Active-Active copies; 0 while draining
    bool reachable = true;
    uint16_t node = 0;  // number of the node that hosts it
    // Letters for it pile up here or there: gates refuse new work for it early (503).
    bool congested = false;
    bool is_active = true;   // of an Active-Passive role: it holds its group's post
    bool suspected = false;  // not heard of for a while: nothing new for it, nothing taken from it
    int group = 1;           // of an Active-Passive role
};

// The role instances that this node knows, as of one generation. Read by roles, written by the
// host.
class Directory {
 public:
    uint64_t generation() const { return generation_; }
    const DirectoryEntry* find(Instance instance) const;
    // Weighted rendezvous hash of `key` over the reachable copies of an Active-Active role: the
    // same key meets the same copy for as long as that copy lives, whoever asks.
    // `except`: one that will soon not be chosen any more.
    std::optional<Instance> pick(RoleKind kind, uint64_t key, Instance except = {}) const;
    // The choice that the generation before this one would have made.
    std::optional<Instance> pick_previous(RoleKind kind, uint64_t key) const;
    // Who takes over what `key` names from a copy that is gone: the highest draw among the others,
    // of those that can be reached, or of all that there are.
    enum class Among : uint8_t { Reachable, All };
    std::optional<Instance> heir(RoleKind kind, uint64_t key, Instance except = {},
                                 Among among = Among::Reachable) const;
    // The active copy of the group that serves the domain, of SR and CS; none while the post is
    // empty.
    std::optional<Instance> active(RoleKind kind, DomainId domain) const;
    // Those of all groups, by group.
    std::vector<Instance> actives(RoleKind kind) const;
    // The active copy of a role of which a site has one group: MGC, ST.
    std::optional<Instance> active_of_site(RoleKind kind) const;
    bool is_active(Instance instance) const;
    // 0: there is no group. For roles without groups: 1.
    int group_of(RoleKind kind, DomainId domain) const;
    const DomainGroups& groups() const { return groups_; }
    uint64_t groups_version() const { return groups_version_; }  // rises with each change of them
    std::span<const DirectoryEntry> entries() const { return entries_; }

    // A change of membership or of groups starts a new generation; the same again does not.
    void replace(std::vector<DirectoryEntry> entries);
    void set_groups(DomainGroups groups);
    void mark_congested(Instance instance, bool congested);  // keeps the generation

 private:
    uint64_t generation_ = 0;
    std::vector<DirectoryEntry> entries_;
    std::vector<DirectoryEntry> previous_;
    DomainGroups groups_;
    uint64_t groups_version_ = 0;
};

}  // namespace tandem::ports
