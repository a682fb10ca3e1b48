#include "call/snapshot_ringing.h"

#include <algorithm>

#include "call/limits.h"
#include "call/snapshot_values.h"
#include "call_snapshot.pb.h"

namespace tandem::call {
namespace {

using std::chrono::duration_cast, std::chrono::milliseconds;

void encode_shown(const ShownCaller& from, proto::SnapshotShown& out) {
    out.set_number(from.number);
    out.set_name(from.name);
    out.set_domain(from.domain);
}

ShownCaller decode_shown(const proto::SnapshotShown& in) {
    return {in.number(), in.name(), in.domain()};
}

void encode_destination(const Destination& from, proto::SnapshotDestination& out) {
    out.set_account(octets(from.account));
    out.set_number(from.number);
    out.set_name(from.name);
    out.set_domain(octets(from.domain));
    out.set_stage(from.stage);
    out.set_goes_on(from.goes_on);
    out.set_calls_max(static_cast<uint32_t>(from.calls_max));
    out.set_of_group(from.of_group);
    out.set_answers_itself(from.answers_itself);
    out.set_one_call(from.one_call);
    out.set_busy(from.busy);
    out.set_is_refused(from.is_refused);
    for (const routing::Forward& each : from.path) encode_forward(each, *out.add_path());
    if (from.shown) encode_shown(*from.shown, *out.mutable_shown());
    out.set_line(static_cast<uint32_t>(from.line));
    if (!from.outside) return;
    proto::SnapshotOutside& outside = *out.mutable_outside();
    outside.set_trunk(octets(from.outside->trunk));
    outside.set_trunk_name(from.outside->trunk_name);
    outside.set_from(from.outside->from);
    outside.set_identity(from.outside->identity);
    outside.set_group(octets(from.outside->group));
}

// What a channel was asked for by is gone: it is to be asked for again. One that was taken is that
// of the branch which rings over it, and would count twice.
Line line_from(uint32_t line) {
    const auto known = static_cast<Line>(line);
    return known == Line::Refused || known == Line::Unfit ? known : Line::Unasked;
}

Destination decode_destination(const proto::SnapshotDestination& in) {
    Destination out;
    out.account = id_from<AccountId>(in.account());
    out.number = in.number();
    out.name = in.name();
    out.domain = id_from<DomainId>(in.domain());
    out.stage = static_cast<uint8_t>(in.stage());
    out.goes_on = in.goes_on();
    out.calls_max = static_cast<int>(in.calls_max());
    out.of_group = in.of_group();
    out.answers_itself = in.answers_itself();
    out.one_call = in.one_call();
    out.busy = in.busy();
    out.is_refused = in.is_refused();
    for (const proto::SnapshotForward& each : in.path()) out.path.push_back(decode_forward(each));
    if (in.has_shown()) out.shown = decode_shown(in.shown());
    out.line = line_from(in.line());
    if (!in.has_outside()) return out;
    Outside& outside = out.outside.emplace();
    outside.trunk = id_from<TrunkId>(in.outside().trunk());
    outside.trunk_name = in.outside().trunk_name();
    outside.from = in.outside().from();
    outside.identity = in.outside().identity();
    outside.group = id_from<TrunkGroupId>(in.outside().group());
    return out;
}

void encode_stop(const QueueStop& from, proto::SnapshotStop& out) {
    out.set_stage(from.stage);
    out.set_domain(octets(from.domain));
    out.set_queue(octets(from.queue));
    out.set_number(from.number);
    out.set_name(from.name);
    out.set_ring_ms(duration_cast<milliseconds>(from.ring).count());
    out.set_wait_max_ms(duration_cast<milliseconds>(from.wait_max).count());
    out.set_has_music(from.has_music);
    out.set_answers(from.answers);
    out.set_is_refused(from.is_refused);
    for (const routing::Forward& each : from.path) encode_forward(each, *out.add_path());
    if (from.shown) encode_shown(*from.shown, *out.mutable_shown());
}

QueueStop decode_stop(const proto::SnapshotStop& in) {
    QueueStop out;
    out.stage = static_cast<uint8_t>(in.stage());
    out.domain = id_from<DomainId>(in.domain());
    out.queue = id_from<QueueId>(in.queue());
    out.number = in.number();
    out.name = in.name();
    out.ring = milliseconds(in.ring_ms());
    out.wait_max = milliseconds(in.wait_max_ms());
    out.has_music = in.has_music();
    out.answers = in.answers();
    out.is_refused = in.is_refused();
    for (const proto::SnapshotForward& each : in.path()) out.path.push_back(decode_forward(each));
    if (in.has_shown()) out.shown = decode_shown(in.shown());
    return out;
}

constexpr int64_t kLongestMs = 24LL * 3600 * 1000;

// Whoever goes on along it looks up what it names.
bool is_sound(const proto::SnapshotRinging& in) {
    const auto stages = static_cast<uint32_t>(in.stages_ms_size());
    const auto places = static_cast<uint32_t>(in.destinations_size());
    const auto is_stage = [&](const auto& each) { return each.stage() < stages; };
    const auto is_time = [](int64_t ms) { return ms >= 0 && ms <= kLongestMs; };
    const auto has_times = [&](const proto::SnapshotStop& each) {
        return is_time(each.ring_ms()) && is_time(each.wait_max_ms());
    };
    return stages <= kStagesMax && places <= kDestinationsMax && in.stage() < stages &&
           in.early() <= kQueueBranchesMax && in.rang() < 200 &&
           std::ranges::all_of(in.destinations(), is_stage) &&
           std::ranges::all_of(in.stages_ms(), is_time) &&
           std::ranges::all_of(in.stops(), is_stage) &&
           std::ranges::all_of(in.stops(), has_times) &&
           std::ranges::all_of(in.failures(), [&](const proto::SnapshotFailure& each) {
               return each.leg() > 0 && each.leg() <= kQueueBranchesMax && each.place() > 0 &&
                      each.place() <= places && each.status() >= 300 && each.status() < 700;
           });
}

}  // namespace

void encode_ringing(const RingingSnapshot& from, proto::SnapshotRinging& out) {
    for (const Destination& each : from.destinations)
        encode_destination(each, *out.add_destinations());
    for (const Duration each : from.stages)
        out.add_stages_ms(duration_cast<milliseconds>(each).count());
    out.set_stage(from.stage);
    for (const QueueStop& each : from.stops) encode_stop(each, *out.add_stops());
    for (const RingingSnapshot::Failure& each : from.failures) {
        proto::SnapshotFailure& failure = *out.add_failures();
        failure.set_leg(each.leg);
        failure.set_place(each.place);
        failure.set_status(static_cast<uint32_t>(each.status));
    }
    out.set_stage_until_ms(from.stage_until.unix_ms);
    out.set_ring_until_ms(from.ring_until.unix_ms);
    out.set_early(from.early);
    out.set_rang(static_cast<uint32_t>(from.rang));
}

std::optional<RingingSnapshot> decode_ringing(const proto::SnapshotRinging& in) {
    if (!is_sound(in)) return std::nullopt;
    RingingSnapshot out;
    for (const auto& each : in.destinations()) out.destinations.push_back(decode_destination(each));
    for (const int64_t each : in.stages_ms()) out.stages.emplace_back(milliseconds(each));
    out.stage = static_cast<uint8_t>(in.stage());
    for (const auto& each : in.stops()) out.stops.push_back(decode_stop(each));
    for (const auto& each : in.failures())
        out.failures.push_back({static_cast<uint8_t>(each.leg()),
                                static_cast<uint8_t>(each.place()),
                                static_cast<int>(each.status())});
    out.stage_until = {in.stage_until_ms()};
    out.ring_until = {in.ring_until_ms()};
    out.early = static_cast<uint8_t>(in.early());
    out.rang = static_cast<int>(in.rang());
    return out;
}

}  // namespace tandem::call
