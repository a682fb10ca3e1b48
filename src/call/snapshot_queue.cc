#include "call/snapshot_queue.h"

#include "call/snapshot_values.h"
#include "call_snapshot.pb.h"

namespace tandem::call {

void encode_queue(const QueueSnapshot& from, proto::CallSnapshot& out) {
    for (const QueueNote& note : from.notes) {
        proto::SnapshotQueueNote& to = *out.add_queue_notes();
        to.set_domain(octets(note.domain));
        to.set_queue(octets(note.queue));
        to.set_number(note.number);
        to.set_name(note.name);
        to.set_since_ms(note.since.unix_ms);
        to.set_until_ms(note.until.unix_ms);
        to.set_outcome(static_cast<uint32_t>(note.outcome));
        to.set_of_answered(note.of_answered);
    }
    if (!from.stop || from.notes.empty()) return;
    using std::chrono::duration_cast, std::chrono::milliseconds;
    proto::SnapshotQueue& here = *out.mutable_queue();
    here.set_ring_ms(duration_cast<milliseconds>(from.stop->ring).count());
    here.set_wait_max_ms(duration_cast<milliseconds>(from.stop->wait_max).count());
    here.set_turn(from.turn);
    here.set_wait_until_ms(from.wait_until.unix_ms);
    here.set_has_music(from.stop->has_music);
    here.set_sounds(from.sounds);
    here.set_is_taken(from.is_taken);
    here.set_agent_is_near(from.agent_is_near);
    for (const routing::Forward& each : from.stop->path) encode_forward(each, *here.add_path());
    if (!from.stop->shown) return;
    here.set_shown_number(from.stop->shown->number);
    here.set_shown_name(from.stop->shown->name);
    here.set_shown_domain(from.stop->shown->domain);
}

QueueSnapshot decode_queue(const proto::CallSnapshot& in) {
    QueueSnapshot out;
    for (const proto::SnapshotQueueNote& from : in.queue_notes()) {
        QueueNote& note = out.notes.emplace_back();
        note.domain = id_from<DomainId>(from.domain());
        note.queue = id_from<QueueId>(from.queue());
        note.number = from.number();
        note.name = from.name();
        note.since = {from.since_ms()};
        note.until = {from.until_ms()};
        if (from.outcome() <= static_cast<uint32_t>(model::QueueOutcome::NoAgents))
            note.outcome = static_cast<model::QueueOutcome>(from.outcome());
        note.of_answered = from.of_answered();
    }
    if (!in.has_queue() || out.notes.empty()) return out;
    const QueueNote& last = out.notes.back();
    out.stop = QueueStop{0,
                         last.domain,
                         last.queue,
                         last.number,
                         last.name,
                         std::chrono::milliseconds(in.queue().ring_ms()),
                         std::chrono::milliseconds(in.queue().wait_max_ms()),
                         in.queue().has_music()};
    const proto::SnapshotQueue& here = in.queue();
    for (const proto::SnapshotForward& each : here.path())
        out.stop->path.push_back(decode_forward(each));
    if (here.has_shown_number())
        out.stop->shown = ShownCaller{here.shown_number(), here.shown_name(), here.shown_domain()};
    out.turn = in.queue().turn();
    out.wait_until = {in.queue().wait_until_ms()};
    out.sounds = in.queue().sounds();
    out.is_taken = in.queue().is_taken();
    out.agent_is_near = in.queue().agent_is_near();
    return out;
}

}  // namespace tandem::call
