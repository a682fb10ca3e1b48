// The host of one shard of a node: it owns the role instances that the logic layer puts there,
// feeds them the catalog and the directory, and carries their letters. Letters for anybody else
// leave through run(), for the shell to take to the runtime, to another shard or to another node.
//
// Pure and single-threaded: the shell calls it with the time, the simulation does the same.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/instant.h"
#include "base/rng.h"
#include "cluster/load_shift.h"
#include "ports/letter.h"
#include "roles/host/catalog_reader.h"
#include "roles/host/event_log.h"
#include "roles/host/membership.h"
#include "roles/host/placement.h"
#include "roles/host/store_watches.h"

namespace tandem::roles::host {

// Makes role instances. The application's knows all kinds; tests may bring their own.
class RoleFactory {
 public:
    virtual ~RoleFactory() = default;
    virtual std::unique_ptr<ports::Role> make(ports::RoleKind kind,
                                              const ports::Surroundings& surroundings) = 0;
};

struct HostSettings {
    uint16_t node = 1;
    uint16_t shard = 0;
    std::string version;
    UtcTime started;
    bool is_alone_on_node = false;  // one shard hosts media gates as well (simulation, tests)
};

class NodeHost {
 public:
    NodeHost(HostSettings settings, const ports::TokenMint& tokens, Rng& rng, RoleFactory& factory);
    ~NodeHost();

    // Reads the catalog; instances start when it is there.
    void start(Now now);
    // The store can be reached again: the catalog is read anew, and whoever watches is told that
    // its watch is over (Compacted).
    void on_store_returned(Now now);
    // Queued; handled by the next run().
    void deliver(ports::Letter letter) { queue_.push_back(std::move(letter)); }
    // Of a letter that run() has answered some time ago. False: hold() it, it leaves when it may.
    bool may_speak(Now now, ports::Instance from) {
        return membership_.may_speak(now, from) == cluster::Permission::MaySend;
    }
    void hold(ports::Letter letter);
    // Handles what is queued and what follows from it. Answers the letters that leave this shard.
    std::vector<ports::Letter> run(Now now);
    void on_timeout(Now now);
    std::optional<Instant> next_deadline() const;

    // The nodes that can be reached now, this one included: instances on others are avoided, and
    // questions that were on their way to a lost one are answered with Unreachable.
    void set_reachable_nodes(Now now, std::vector<ReachableNode> nodes);
    // See Membership.
    void set_keeps_store(bool keeps) { membership_.set_keeps_store(keeps); }
    std::optional<Instant> confirmed(Instant now) const { return membership_.confirmed(now); }
    // The number of this run of the shard, which rises in the store with each start; 0: not yet.
    uint32_t run_number() const { return phase_ == Phase::Running ? epoch_ : 0; }
    // False: the letter claims to be of an instance that lives elsewhere, or nowhere any more.
    bool admits(const ports::Letter& letter, uint16_t node) const {
        return membership_.admits(letter.from, node);
    }
    void on_process_ended(Now now, uint16_t node);  // of a node of this server
    // Heartbeats, on shard 0 of a node.
    void on_heartbeat(Now now, const cluster::Heartbeat& beat);
    std::optional<cluster::Heartbeat> take_heartbeat();
    void set_progress(std::span<const uint64_t> turns) { membership_.set_progress(turns); }
    // Others act for this node: its process is to end, and to begin anew.
    bool is_over() const { return membership_.is_over(); }

    // Instances of this shard that finish what they have; other nodes are to find them.
    std::vector<ports::DirectoryEntry> draining_instances() const;
    // All instances of this shard take no new work.
    void drain(Now now);
    bool is_idle() const;
    // Every instance that the logic layer gives to this shard has been started.
    bool is_serving() const { return serving_; }
    // Nothing waits for others or the store to confirm that this node lives.
    bool is_confirmed() const { return unspoken_.empty(); }

    const ports::Directory& directory() const { return directory_; }
    const store::Catalog& catalog() const { return catalog_; }
    // nullptr: not here.
    ports::Role* find(ports::Instance instance) const;
    // What the runtime below counts, for the status; asked on this shard.
    using Figures = std::vector<std::pair<std::string, double>>;
    void set_runtime_figures(std::function<Figures()> figures) {
        runtime_figures_ = std::move(figures);
    }
    // Told the answers to what the shell has asked in the name of the host, about servers that
    // join.
    using ShellAnswers = std::function<void(Now, const ports::Letter&)>;
    void set_shell_answers(ShellAnswers answers) { shell_answers_ = std::move(answers); }
    // Of this shard, for people: to the journal, and for a while to who asks for events. What
    // others say to the host by a LogLine goes the same way.
    void tell(Now now, Event event, ports::LogLine::Level level = ports::LogLine::Level::Info);
    // Carries out what a drill asks for, or says why not. Without one no drill is allowed.
    using Harm = std::move_only_function<ports::HarmReply(const ports::HarmRequest&)>;
    void set_harm(Harm harm) { harm_ = std::move(harm); }
    ports::Instance self() const { return ports::host_of(settings_.node, settings_.shard); }
    std::string status_json(Now now) const;
    // Those that are asked for: EntityRequest{List, "event", after}.
    ports::EntityReply events_for(const ports::EntityRequest& request) const;

 private:
    enum class Phase { Reading, Claiming, Running };
    struct Hosted {
        ports::Instance instance;
        ports::RoleKind kind = ports::RoleKind::SipGate;
        int group = 1;
        bool draining = false;
        bool returns = false;                               // wanted again before it has drained
        bool handing = false;                               // its post, when all is written
        bool leaving = false;                               // its calls, to others
        std::unique_ptr<ports::Surroundings> surroundings;  // the role keeps a reference
        std::unique_ptr<ports::Role> role;                  // none until the instance is claimed
    };
    struct Departure {
        ports::DirectoryEntry entry;
        Instant until;
    };
    struct Awaited {  // a question that left for another node
        uint16_t node = 0;
        ports::Letter asked_without_payload;
    };

    void tell_directory(Now now);
    void dispatch(Now now, ports::Letter letter);
    void on_own_letter(Now now, ports::Letter letter);
    void on_store_reply(Now now, const store::Reply& reply);
    void route(Now now, ports::Letter letter, std::vector<ports::Letter>& leaving);
    void speak(Now now, ports::Letter letter, std::vector<ports::Letter>& leaving);
    void note_question(const ports::Letter& letter, uint16_t node);
    void refuse(const ports::Letter& letter);
    void tell_unreachable(const ports::Letter& question);
    void claim_epoch(Now now);
    void on_epoch(Now now, const store::ReplyBody& reply);
    void apply_placements(Now now);
    void follow_membership(Now now);
    void on_event(Now now, MembershipEvent event);
    void start_instance(Now now, Hosted& hosted, MembershipEvent claimed);
    std::string name_of(const Hosted& hosted) const;
    void drain_instance(Now now, Hosted& hosted);
    void remove_idle(Now now);
    void leave_calls(Now now);
    bool pass_on(const Hosted& hosted, ports::Letter& letter);
    bool waits_for_next_life(const Hosted& hosted, const ports::Letter& letter) const;
    void rebuild_directory(Now now);
    void follow_departures(Now now, const std::vector<ports::DirectoryEntry>& placed);
    std::vector<cluster::InstanceLoad> own_loads() const;
    void follow_load(Now now);
    uint16_t weight_of(const Placement& placement) const;
    const ReachableNode* reachable(uint16_t node) const;  // nullptr: it is not
    Hosted* hosted(ports::Instance instance);
    bool is_mine(const Placement& placement) const;
    bool is_ours(ports::Instance instance) const;   // on any shard of this node
    bool belongs_here(ports::RoleKind kind) const;  // to this shard of the node
    bool take_catalog();                            // true when it has changed
    void send_store(store::RequestBody body);

    HostSettings settings_;
    const ports::TokenMint& tokens_;
    Rng& rng_;
    RoleFactory& factory_;
    std::function<Figures()> runtime_figures_;
    ShellAnswers shell_answers_;
    Harm harm_;
    EventLog events_;
    CatalogReader reader_;
    StoreWatches watches_;
    store::Catalog catalog_;
    ports::Directory directory_;
    uint64_t outline_ = 0;         // of the catalog that the directory's groups were read from
    uint64_t directory_told_ = 0;  // the generation that the instances have seen
    Phase phase_ = Phase::Reading;
    Membership membership_;
    cluster::LoadShift load_shift_;
    std::optional<Instant> load_at_;  // while there are several B2Bs
    uint32_t epoch_ = 0;              // of this run of the shard
    std::optional<Instant> retry_at_;
    bool serving_ = false;
    bool draining_ = false;
    uint64_t letters_handled_ = 0;
    uint64_t next_request_ = uint64_t{1} << 40;  // never an id of the reader's
    uint64_t claim_request_ = 0;  // of the epoch; answers to earlier tries are not taken
    std::vector<ports::Letter> queue_;
    std::vector<ports::Letter> held_;      // until the instances have been started (again)
    std::vector<ports::Letter> unspoken_;  // to the outside, until we are known to live
    ports::Outbox outbox_;
    std::vector<Hosted> hosted_;
    std::vector<ReachableNode> reachable_;
    std::vector<Departure> departures_;  // until their nodes have told what becomes of them
    std::unordered_map<uint64_t, Awaited> awaited_;  // by sender and request
};

}  // namespace tandem::roles::host
