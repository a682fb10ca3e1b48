// The run behind run_scenario(): what it orders (scenario.cc) and what it checks (checks.cc).
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "call/call_snapshot.h"
#include "model/entities.h"
#include "sim/phone.h"
#include "sim/profile.h"
#include "sim/scenario.h"
#include "sim/site.h"

namespace tandem::sim {

inline constexpr const char* kQueueNumber = "600";

class Run final : public PhoneEnds, public PhoneWatcher {
 public:
    explicit Run(const RunOptions& options);
    RunResult go();

 private:
    struct Disturbance {
        Instant from;
        Instant to;
        std::optional<size_t> phone;  // none: all of them
        bool is_replacement = false;  // costs no answered call
    };
    struct Pause {
        uint16_t node = 0;
        Instant from;
        Instant to;
    };
    // A call that was established and in the store when a node died.
    struct Survivor {
        Instant died;
        std::pair<size_t, uint64_t> ends[2];  // phone and number of its call
        uint32_t received[2] = {0, 0};
        bool sound_back = false;
        bool watched = true;
    };
    // One that rang, and was in the store, when a node died. By its caller.
    struct RingingSurvivor {
        Instant died;
        std::pair<size_t, uint64_t> caller;
    };
    struct Written {  // over the API, acknowledged
        std::string path;
        std::string field;
        std::string value;
        bool certain = true;
    };

    // --- scenario.cc: what happens
    void boot();
    void make_accounts();
    void make_phones();
    void wait_for(const std::function<bool()>& done, Duration patience, std::string_view what);
    void plan_calls();
    void plan_faults();
    void call_somebody();
    void write_something();
    void move_domain();
    void crash_somebody(std::optional<uint16_t> node);
    void crash(uint16_t node);
    void watch_start(uint16_t node, size_t disturbance);
    void on_replaced(uint16_t node);
    void arm_crash();
    void bad_store();
    void heal();
    void disturb(Duration time, std::optional<size_t> phone);
    Instant safe_by(Instant written) const;

    // --- checks.cc: what must hold
    bool is_excused(size_t phone, Instant from, Instant to) const override;
    void on_answered(Phone& phone, PhoneCall& call) override;
    bool is_in_store(std::string_view call_id);
    void note_survivors(uint16_t node);
    void watch_sound(size_t survivor);
    void check_survivors();
    void check_ringing_survivors();
    void note_ringing(const call::CallSnapshot& snapshot);
    void check_bindings();
    void check_bindings_reply(const ports::HttpResponse* response, Instant asked);
    void check_writes();
    void check_records();
    void check_record(const PhoneCall& call, const std::vector<const model::Cdr*>& records);
    void check_leftovers();
    bool is_clean(std::string* why);
    PhoneCall* call_at(const std::pair<size_t, uint64_t>& end);

    // --- telephony.cc: transfers and queues
    void make_queue();
    void check_telephony();
    void check_transferred(const model::Cdr& record);
    void check_heard(const model::Cdr& record);
    void check_queued(const model::Cdr& record);
    void check_queue_callers();
    void check_agents(const std::vector<std::vector<const PhoneCall*>>& queued);
    std::vector<const PhoneCall*> calls_of(const model::Cdr& record);
    std::vector<model::Cdr> all_records();
    bool is_excused_for(const std::vector<const PhoneCall*>& calls) const;
    bool needed_who_stood_still(const PhoneCall& call) const;

    // --- PhoneEnds.
    void on_datagram(size_t phone, const Datagram& datagram) override;
    void on_connected(size_t phone, uint64_t connection, bool accepted) override;
    void on_stream(size_t phone, uint64_t connection, std::string_view message) override;
    void on_closed(size_t phone, uint64_t connection) override;

    World world_;
    SeededRng later_;  // of what came to the profile later
    Profile profile_;
    Site site_;
    std::vector<std::unique_ptr<Phone>> phones_;
    std::vector<Disturbance> disturbances_;
    std::vector<Pause> pauses_;  // by their beginning
    std::vector<Survivor> survivors_;
    std::vector<RingingSurvivor> ringing_survivors_;
    std::vector<Written> writes_;
    std::vector<Duration> sound_back_;
    Instant store_bad_until_;
    std::vector<std::pair<Instant, Instant>> bad_times_;  // of the store, by their beginning
    Instant ends_;
    int armed_crashes_ = 0;
    uint64_t api_writes_ = 0;
    DomainId domain_;
    bool healed_ = false;
};

}  // namespace tandem::sim
