// CallSnapshot as bytes: proto/call_snapshot.proto. Of an established call only what its next owner
// can use is kept: transactions under way, early dialogs and credentials are not.
#include <algorithm>

#include "call/call_snapshot.h"
#include "call/limits.h"
#include "call/snapshot_consultation.h"
#include "call/snapshot_play.h"
#include "call/snapshot_queue.h"
#include "call/snapshot_ringing.h"
#include "call/snapshot_values.h"
#include "call_snapshot.pb.h"
#include "sip/parser.h"

namespace tandem::call {

// The one who may look into PartyMedia.
struct PartyMediaCodec {
    static void encode(const PartyMedia& media, proto::SnapshotParty& out);
    static PartyMedia decode(const proto::SnapshotParty& in);
    // What was offered in the INVITE of a leg without an answer, by whichever side.
    static void learn_offer(const sip::LegSnapshot& leg, PartyMedia& media);
};

namespace {

Error malformed(std::string_view field) {
    return make_error(ErrorCode::Malformed, field, "not a stored call");
}

std::string text_of(const std::optional<SocketAddress>& address) {
    return address ? address->text() : std::string();
}

std::optional<sdp::Session> session_from(const std::string& text) {
    auto session = sdp::parse(text);
    if (!session) return std::nullopt;
    return std::move(*session);
}

std::optional<Instant> instant_from(bool present, int64_t ns) {
    return present ? std::optional(Instant{Duration(ns)}) : std::nullopt;
}

// --- Dialog, offers, timers.

void encode(const sip::LegDialogSnapshot& from, proto::SnapshotDialog& out) {
    const sip::DialogSnapshot& dialog = from.dialog;
    out.set_state(static_cast<uint32_t>(dialog.state));
    out.set_call_id(dialog.call_id);
    out.set_local_tag(dialog.local_tag);
    out.set_remote_tag(dialog.remote_tag);
    out.set_local_address(dialog.local_address);
    out.set_remote_address(dialog.remote_address);
    out.set_remote_target(dialog.remote_target);
    for (const std::string& route : dialog.route_set) out.add_route_set(route);
    out.set_local_cseq(dialog.local_cseq);
    if (dialog.remote_cseq) out.set_remote_cseq(*dialog.remote_cseq);
    if (from.last_rseq) out.set_last_rseq(*from.last_rseq);
}

sip::LegDialogSnapshot decode(const proto::SnapshotDialog& in) {
    sip::LegDialogSnapshot out;
    sip::DialogSnapshot& dialog = out.dialog;
    dialog.state =
        in.state() <= 2 ? static_cast<sip::DialogState>(in.state()) : sip::DialogState::Terminated;
    dialog.call_id = in.call_id();
    dialog.local_tag = in.local_tag();
    dialog.remote_tag = in.remote_tag();
    dialog.local_address = in.local_address();
    dialog.remote_address = in.remote_address();
    dialog.remote_target = in.remote_target();
    dialog.route_set.assign(in.route_set().begin(), in.route_set().end());
    dialog.local_cseq = in.local_cseq();
    if (in.has_remote_cseq()) dialog.remote_cseq = in.remote_cseq();
    if (in.has_last_rseq()) out.last_rseq = in.last_rseq();
    return out;
}

void encode(const sdp::OfferAnswerSnapshot& offers, proto::SnapshotOffers& out) {
    proto::SnapshotOrigin& origin = *out.mutable_origin();
    origin.set_username(offers.origin.username);
    origin.set_session_id(offers.origin.session_id);
    origin.set_version(offers.origin.version);
    origin.set_v6(offers.origin.address.family == AddressFamily::V6);
    origin.set_address(offers.origin.address.address);
    out.set_version_use(static_cast<uint32_t>(offers.version_use));
    if (offers.local) out.set_local(sdp::serialize(*offers.local));
    if (offers.remote) out.set_remote(sdp::serialize(*offers.remote));
}

// An offer under way is forgotten: what was agreed before holds (RFC 3261 14.1).
sdp::OfferAnswerSnapshot decode(const proto::SnapshotOffers& in) {
    sdp::OfferAnswerSnapshot out;
    out.origin.username = in.origin().username();
    out.origin.session_id = in.origin().session_id();
    out.origin.version = in.origin().version();
    out.origin.address.family = in.origin().v6() ? AddressFamily::V6 : AddressFamily::V4;
    out.origin.address.address = in.origin().address();
    if (in.version_use() <= 2) out.version_use = static_cast<sdp::VersionUse>(in.version_use());
    if (in.has_local()) out.local = session_from(in.local());
    if (in.has_remote()) out.remote = session_from(in.remote());
    return out;
}

void encode(const sip::SessionTimerSnapshot& timer, proto::SnapshotSessionTimer& out) {
    out.set_enabled(timer.settings.enabled);
    out.set_session_expires_s(timer.settings.session_expires_s);
    out.set_min_se_setting_s(timer.settings.min_se_s);
    out.set_min_se_s(timer.min_se_s);
    out.set_interval_s(timer.interval_s);
    out.set_we_refresh(timer.we_refresh);
    out.set_peer_supports(timer.peer_supports);
    if (timer.refresh) out.set_refresh_ns(timer.refresh->since_epoch.count());
    if (timer.expiry) out.set_expiry_ns(timer.expiry->since_epoch.count());
}

sip::SessionTimerSnapshot decode(const proto::SnapshotSessionTimer& in) {
    sip::SessionTimerSnapshot out;
    out.settings = {in.enabled(), in.session_expires_s(), in.min_se_setting_s()};
    out.min_se_s = in.min_se_s();
    out.interval_s = in.interval_s();
    out.we_refresh = in.we_refresh();
    out.peer_supports = in.peer_supports();
    out.refresh = instant_from(in.has_refresh_ns(), in.refresh_ns());
    out.expiry = instant_from(in.has_expiry_ns(), in.expiry_ns());
    return out;
}

void encode(const sip::TwoHundredSnapshot& from, proto::SnapshotTwoHundred& out) {
    out.set_response(from.response.to_text());
    out.set_cseq(from.cseq);
    out.set_interval_ns(from.interval.count());
    if (from.retransmit) out.set_retransmit_ns(from.retransmit->since_epoch.count());
    if (from.give_up) out.set_give_up_ns(from.give_up->since_epoch.count());
}

std::optional<sip::TwoHundredSnapshot> decode(const proto::SnapshotTwoHundred& in,
                                              const sip::Timers& timers) {
    auto response = sip::parse_message(std::string_view(in.response()));
    if (!response || !in.has_give_up_ns()) return std::nullopt;
    sip::TwoHundredSnapshot out;
    out.response = std::move(*response);
    out.cseq = in.cseq();
    out.timers = timers;
    out.interval = Duration(in.interval_ns());
    out.retransmit = instant_from(in.has_retransmit_ns(), in.retransmit_ns());
    out.give_up = instant_from(true, in.give_up_ns());
    return out;
}

// --- Transfers.

void encode_who(const Destination& from, proto::SnapshotWho& out) {
    out.set_account(octets(from.account));
    out.set_number(from.number);
    out.set_name(from.name);
    if (!from.domain.is_nil()) out.set_domain(octets(from.domain));
}

Destination decode_who(const proto::SnapshotWho& in) {
    Destination out{id_from<AccountId>(in.account()), in.number(), in.name()};
    out.domain = id_from<DomainId>(in.domain());
    return out;
}

void encode_transfer(const TransferSnapshot& from, proto::CallSnapshot& out) {
    if (from.referrer) out.set_referrer(*from.referrer);
    out.set_referrer_gone(from.referrer_gone);
    out.set_refer_event(from.event);
    encode_consultation(from, out);
    out.set_parked_at(from.parked_at);
    out.set_parked_until_ms(from.parked_until.unix_ms);
    out.set_queued_at(from.queued_at);
    out.set_let_go(from.let_go);
    out.set_by_queue(from.by_queue);
    for (const TransferNote& note : from.notes) {
        proto::SnapshotTransfer& each = *out.add_transfers();
        each.set_at_ms(note.at.unix_ms);
        each.set_kind(static_cast<uint32_t>(note.kind));
        each.set_of_callee(note.of_callee);
        encode_who(note.by, *each.mutable_by());
        encode_who(note.to, *each.mutable_to());
        each.set_other(octets(note.other));
    }
}

// `parties` has been looked through: those who talk are there.
TransferSnapshot decode_transfer(const proto::CallSnapshot& in) {
    TransferSnapshot out;
    const bool talks = in.referrer() == in.near() || in.referrer() == in.winner();
    if (in.has_referrer() && talks) out.referrer = static_cast<uint8_t>(in.referrer());
    out.referrer_gone = in.referrer_gone();
    out.event = in.refer_event();
    decode_consultation(in, out);
    out.parked_at = in.parked_at();
    out.parked_until = {in.parked_until_ms()};
    out.queued_at = in.queued_at();
    out.let_go = in.let_go();
    out.by_queue = in.by_queue() && in.near() == 0 && in.winner() != 0 && !in.ringing();
    for (const proto::SnapshotTransfer& each : in.transfers()) {
        const auto kind = each.kind() <= 2 ? static_cast<model::TransferKind>(each.kind())
                                           : model::TransferKind::Blind;
        out.notes.push_back({UtcTime{each.at_ms()}, kind, each.of_callee(), decode_who(each.by()),
                             decode_who(each.to()), id_from<CallId>(each.other())});
    }
    return out;
}

// --- Parties.

void encode(const PartySnapshot& from, proto::SnapshotParty& out) {
    const sip::LegSnapshot& leg = from.leg;
    out.set_index(from.index);
    out.set_key(leg.key);
    out.set_state(static_cast<uint32_t>(leg.state));
    out.set_is_client(leg.is_client);
    out.set_call_id(leg.call_id);
    out.set_flow(from.flow.text());
    out.set_contact_token(leg.settings.envelope.contact.token);
    out.set_alternative_uri(leg.settings.envelope.alternative_uri);
    out.set_remote_allow(leg.remote_allow);
    out.set_confirmed_told(leg.confirmed_told);
    out.set_server_key(leg.server.value);
    out.set_local_tag(leg.settings.local_tag);
    if (!leg.dialog || leg.state == sip::LegState::Ringing) {
        out.set_invite(leg.invite.to_text());
        out.set_client_key(leg.client.value);
    }
    if (leg.dialog) encode(*leg.dialog, *out.mutable_dialog());
    for (const sip::LegDialogSnapshot& each : leg.early) encode(each, *out.add_early());
    if (leg.preview) out.set_preview(sdp::serialize(*leg.preview));
    out.set_previewed(leg.previewed);
    encode(leg.offers, *out.mutable_offers());
    encode(leg.session_timer, *out.mutable_session_timer());
    if (leg.two_hundred) encode(*leg.two_hundred, *out.mutable_two_hundred());
    PartyMediaCodec::encode(from.media, out);
    out.set_user_agent(from.user_agent);
    out.set_started_ms(from.started.unix_ms);
    out.set_answered_ms(from.answered.unix_ms);
    out.set_account(octets(from.destination.account));
    out.set_number(from.destination.number);
    out.set_name(from.destination.name);
    out.set_destination_domain(octets(from.destination.domain));
    if (const auto& outside = from.destination.outside) {
        out.set_trunk(octets(outside->trunk));
        out.set_trunk_name(outside->trunk_name);
    }
    out.set_contact(from.contact);
    out.set_instance_id(from.instance_id);
    out.set_reg_id(from.reg_id);
    out.set_wants_offer(from.wants_offer);
    out.set_place(from.place);
    out.set_rings(from.rings);
    out.set_may_try_other_profile(from.may_try_other_profile);
    out.set_invited_by(from.invited_by.number);
    for (const ports::Binding& each : from.other_ways) {
        proto::SnapshotWay& way = *out.add_other_ways();
        way.set_flow(each.flow.text());
        way.set_contact(each.contact);
    }
    if (from.hears) encode_play(*from.hears, *out.mutable_hears());
}

Result<PartySnapshot> decode(const proto::SnapshotParty& in, const CallSettings& settings) {
    const auto flow = ports::Flow::parse(in.flow());
    if (!flow || in.index() > 254 || (!in.has_dialog() && !in.has_invite())) {
        return malformed("party");
    }
    if (in.state() > static_cast<uint32_t>(sip::LegState::Gone)) return malformed("party.state");
    PartySnapshot out;
    out.index = static_cast<uint8_t>(in.index());
    out.flow = *flow;
    sip::LegSnapshot& leg = out.leg;
    leg.key = in.key();
    leg.state = static_cast<sip::LegState>(in.state());
    leg.is_client = in.is_client();
    leg.call_id = in.call_id();
    leg.remote_allow = in.remote_allow();
    leg.confirmed_told = in.confirmed_told();
    leg.server = {in.server_key()};
    if (in.has_dialog()) leg.dialog = decode(in.dialog());
    if (in.has_invite()) leg.invite = TRY(sip::parse_message(std::string_view(in.invite())));
    for (const proto::SnapshotDialog& each : in.early()) leg.early.push_back(decode(each));
    if (in.has_preview()) leg.preview = session_from(in.preview());
    leg.previewed = in.previewed();
    leg.client = {in.client_key()};
    leg.offers = decode(in.offers());
    leg.session_timer = decode(in.session_timer());
    if (in.has_two_hundred()) leg.two_hundred = decode(in.two_hundred(), settings.timers);
    const auto reliability = ports::is_reliable(flow->transport) ? sip::Reliability::Reliable
                                                                 : sip::Reliability::Unreliable;
    leg.settings.envelope.hop = sip::Hop::of(*flow, reliability);
    leg.settings.envelope.contact.token = in.contact_token();
    leg.settings.envelope.alternative_uri = in.alternative_uri();
    leg.settings.local_tag = in.has_dialog() ? leg.dialog->dialog.local_tag : in.local_tag();
    leg.settings.origin = leg.offers.origin;
    leg.settings.session_timer = leg.session_timer.settings;
    leg.settings.timers = settings.timers;
    leg.settings.user_agent = settings.user_agent;
    leg.settings.extensions = leg_extensions();
    out.media = PartyMediaCodec::decode(in);
    if (in.has_invite()) PartyMediaCodec::learn_offer(leg, out.media);
    out.user_agent = in.user_agent();
    out.started = {in.started_ms()};
    out.answered = {in.answered_ms()};
    out.destination.account = id_from<AccountId>(in.account());
    out.destination.number = in.number();
    out.destination.name = in.name();
    out.destination.domain = id_from<DomainId>(in.destination_domain());
    if (!in.trunk().empty())
        out.destination.outside = Outside{id_from<TrunkId>(in.trunk()), in.trunk_name()};
    out.contact = in.contact();
    out.instance_id = in.instance_id();
    out.reg_id = in.reg_id();
    out.wants_offer = in.wants_offer();
    out.place = in.place() <= kDestinationsMax ? static_cast<uint8_t>(in.place()) : uint8_t{0};
    out.rings = in.rings();
    out.may_try_other_profile = in.may_try_other_profile();
    out.invited_by = {static_cast<uint16_t>(in.invited_by())};
    for (const proto::SnapshotWay& each : in.other_ways()) {
        const auto way = ports::Flow::parse(each.flow());
        if (!way) return malformed("party.other_ways");
        out.other_ways.emplace_back().flow = *way;
        out.other_ways.back().contact = each.contact();
    }
    if (in.has_hears()) out.hears = decode_play(in.hears());
    return out;
}

std::string bytes_text(const Bytes& bytes) {
    return {bytes.begin(), bytes.end()};
}

ports::SrtpKey key_from(uint32_t suite, const std::string& key) {
    if (suite > static_cast<uint32_t>(ports::SrtpSuite::AeadAes256Gcm)) return {};
    return {static_cast<ports::SrtpSuite>(suite), Bytes(key.begin(), key.end())};
}

void encode_stream(const PartyStream& from, proto::SnapshotStream& out) {
    const ports::StreamSettings& settings = from.settings;
    out.set_kind(static_cast<uint32_t>(settings.kind));
    out.set_enabled(settings.enabled);
    out.set_rtcp_mux(settings.rtcp_mux);
    out.set_remote_rtp(text_of(settings.remote_rtp));
    out.set_remote_rtcp(text_of(settings.remote_rtcp));
    out.set_direction(static_cast<uint32_t>(settings.direction));
    out.set_from_suite(static_cast<uint32_t>(settings.from_party.suite));
    out.set_from_key(bytes_text(settings.from_party.key_and_salt));
    out.set_to_suite(static_cast<uint32_t>(settings.to_party.suite));
    out.set_to_key(bytes_text(settings.to_party.key_and_salt));
    out.set_telephone_event_type(settings.telephone_event_type);
    out.set_protocol(static_cast<uint32_t>(from.protocol));
    if (!from.ours.empty()) out.set_crypto_tag(from.ours.front().tag);
}

PartyStream decode_stream(const proto::SnapshotStream& in) {
    PartyStream out;
    ports::StreamSettings& settings = out.settings;
    if (in.kind() <= 2) settings.kind = static_cast<ports::MediaKind>(in.kind());
    settings.enabled = in.enabled();
    settings.rtcp_mux = in.rtcp_mux();
    settings.remote_rtp = SocketAddress::parse(in.remote_rtp());
    settings.remote_rtcp = SocketAddress::parse(in.remote_rtcp());
    if (in.direction() <= 3) {
        settings.direction = static_cast<ports::MediaDirection>(in.direction());
    }
    settings.from_party = key_from(in.from_suite(), in.from_key());
    settings.to_party = key_from(in.to_suite(), in.to_key());
    settings.telephone_event_type = static_cast<uint8_t>(in.telephone_event_type());
    if (in.protocol() <= static_cast<uint32_t>(sdp::Protocol::Other)) {
        out.protocol = static_cast<sdp::Protocol>(in.protocol());
    }
    if (settings.to_party.suite != ports::SrtpSuite::None) {
        out.ours = {sdp::Crypto{in.crypto_tag(),
                                std::string(suite_name(settings.to_party.suite)),
                                {sdp::CryptoKey{settings.to_party.key_and_salt, {}, {}}},
                                {}}};
    }
    return out;
}

void encode_settings(const CallSettings& settings, proto::CallSnapshot& out) {
    out.set_srtp_policy(static_cast<uint32_t>(settings.srtp));
    out.set_survival(static_cast<uint32_t>(settings.survival));
    out.set_duration_max_s(
        std::chrono::duration_cast<std::chrono::seconds>(settings.duration_max).count());
    out.set_silence_timeout_s(settings.silence_timeout_s);
    out.set_user_agent(settings.user_agent);
    out.set_t1_ns(settings.timers.t1.count());
    out.set_t2_ns(settings.timers.t2.count());
    out.set_t4_ns(settings.timers.t4.count());
}

CallSettings decode_settings(const proto::CallSnapshot& in) {
    CallSettings out;
    if (in.srtp_policy() <= 2) out.srtp = static_cast<SrtpPolicy>(in.srtp_policy());
    if (in.survival() <= 2) out.survival = static_cast<Survival>(in.survival());
    out.duration_max = std::chrono::seconds(in.duration_max_s());
    out.silence_timeout_s = in.silence_timeout_s();
    out.user_agent = in.user_agent();
    out.timers.t1 = Duration(in.t1_ns());
    out.timers.t2 = Duration(in.t2_ns());
    out.timers.t4 = Duration(in.t4_ns());
    return out;
}

}  // namespace

void PartyMediaCodec::encode(const PartyMedia& media, proto::SnapshotParty& out) {
    out.set_termination(media.termination_);
    out.set_v6(media.family_ == AddressFamily::V6);
    out.set_signalling_source(media.signalling_source_.text());
    out.set_srtp(media.profile_ == MediaProfile::Srtp);
    for (size_t i = 0; i < media.streams_.size(); ++i) {
        proto::SnapshotStream& stream = *out.add_streams();
        encode_stream(media.streams_[i], stream);
        if (i >= media.local_.size()) continue;
        stream.set_local_rtp(media.local_[i].rtp.text());
        stream.set_local_rtcp(media.local_[i].rtcp.text());
    }
}

PartyMedia PartyMediaCodec::decode(const proto::SnapshotParty& in) {
    PartyMedia media(in.termination(), in.v6() ? AddressFamily::V6 : AddressFamily::V4,
                     IpAddress::parse(in.signalling_source()).value_or(IpAddress{}),
                     in.srtp() ? MediaProfile::Srtp : MediaProfile::Rtp);
    for (const proto::SnapshotStream& stream : in.streams()) {
        media.streams_.push_back(decode_stream(stream));
        const auto rtp = SocketAddress::parse(stream.local_rtp());
        const auto rtcp = SocketAddress::parse(stream.local_rtcp());
        if (rtp) media.local_.push_back({*rtp, rtcp.value_or(*rtp)});
    }
    return media;
}

void PartyMediaCodec::learn_offer(const sip::LegSnapshot& leg, PartyMedia& media) {
    const auto offer = sdp::parse(leg.invite.body());
    if (!offer) return;
    for (size_t i = 0; i < std::min(offer->media.size(), media.streams_.size()); ++i) {
        PartyStream& stream = media.streams_[i];
        stream.mux_offered = offer->media[i].rtcp_mux;
        const bool is_agreed = stream.settings.to_party.suite != ports::SrtpSuite::None;
        if (!leg.is_client) {
            // The key that it is to be answered with: of which suite, and for which of its lines.
            if (!is_agreed) media.learn_keys(stream, offer->media[i], SdpRole::Offer);
        } else if (!is_agreed) {
            stream.ours = offer->media[i].cryptos;
        }
    }
}

std::string encode(const CallSnapshot& snapshot) {
    proto::CallSnapshot out;
    out.set_saved_mono_ns(snapshot.saved.mono.since_epoch.count());
    out.set_saved_utc_ms(snapshot.saved.utc.unix_ms);
    const CallFacts& facts = snapshot.facts;
    out.set_call(octets(facts.call));
    out.set_domain(octets(facts.domain));
    out.set_domain_name(facts.domain_name);
    out.set_caller_account(octets(facts.caller_account));
    out.set_caller_number(facts.caller_number);
    out.set_caller_name(facts.caller_name);
    out.set_hide_caller(facts.hide_caller);
    if (facts.shown) {
        out.set_shown_number(facts.shown->number);
        out.set_shown_name(facts.shown->name);
        out.set_shown_domain(facts.shown->domain);
    }
    out.set_dialled(facts.dialled);
    if (!facts.trunk.is_nil()) out.set_trunk(octets(facts.trunk));
    out.set_trunk_name(facts.trunk_name);
    out.set_started_ms(facts.started.unix_ms);
    out.set_answered_ms(snapshot.answered.unix_ms);
    out.set_winner(snapshot.winner);
    out.set_media_gate(snapshot.media_gate.number);
    out.set_media_open(snapshot.media_open);
    out.set_held(snapshot.held);
    out.set_ringing(snapshot.ringing);
    if (snapshot.way) encode_ringing(*snapshot.way, *out.mutable_way());
    for (const routing::Forward& each : snapshot.forwards)
        encode_forward(each, *out.add_forwards());
    for (const Side& each : snapshot.sides) {
        proto::SnapshotSide& side = *out.add_sides();
        side.set_domain(octets(each.domain));
        side.set_comes_in(each.comes_in);
        side.set_goes_out(each.goes_out);
    }
    out.set_intruder(snapshot.intruder);
    out.set_pages(snapshot.pages);
    encode_queue(snapshot.queue, out);
    out.set_near(snapshot.near);
    encode_transfer(snapshot.transfer, out);
    encode_settings(snapshot.settings, out);
    for (const PartySnapshot& party : snapshot.parties) encode(party, *out.add_parties());
    return out.SerializeAsString();
}

Result<CallSnapshot> decode(std::string_view bytes) {
    proto::CallSnapshot in;
    if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return malformed("call");
    CallSnapshot out;
    out.saved = {Instant{Duration(in.saved_mono_ns())}, UtcTime{in.saved_utc_ms()}};
    out.facts.call = id_from<CallId>(in.call());
    out.facts.domain = id_from<DomainId>(in.domain());
    out.facts.domain_name = in.domain_name();
    out.facts.caller_account = id_from<AccountId>(in.caller_account());
    out.facts.caller_number = in.caller_number();
    out.facts.caller_name = in.caller_name();
    out.facts.hide_caller = in.hide_caller();
    if (in.has_shown_number())
        out.facts.shown = ShownCaller{in.shown_number(), in.shown_name(), in.shown_domain()};
    out.facts.dialled = in.dialled();
    out.facts.started = {in.started_ms()};
    if (!in.trunk().empty()) out.facts.trunk = id_from<TrunkId>(in.trunk());
    out.facts.trunk_name = in.trunk_name();
    out.answered = {in.answered_ms()};
    out.media_gate = {static_cast<uint16_t>(in.media_gate())};
    out.media_open = in.media_open();
    out.held = in.held();
    out.ringing = in.ringing();
    if (out.ringing && in.has_way()) out.way = decode_ringing(in.way());
    for (const proto::SnapshotForward& each : in.forwards())
        out.forwards.push_back(decode_forward(each));
    for (const proto::SnapshotSide& each : in.sides())
        out.sides.push_back({id_from<DomainId>(each.domain()), each.comes_in(), each.goes_out()});
    out.queue = decode_queue(in);
    out.settings = decode_settings(in);
    if (out.facts.call.is_nil()) return malformed("call.id");
    bool has_caller = false;
    bool has_winner = false;
    for (const proto::SnapshotParty& party : in.parties()) {
        out.parties.push_back(TRY(decode(party, out.settings)));
        has_caller = has_caller || party.index() == in.near();
        has_winner = has_winner || (party.index() != 0 && party.index() == in.winner());
    }
    // Whoever restores it joins these two; a call with one party is no call.
    const bool is_queue = in.by_queue() && in.winner() != 0;  // which has no phone
    const bool complete = has_caller && (has_winner || out.ringing || is_queue);
    const bool is_alone = in.near() != 0 && in.near() == in.winner();
    if (!complete || is_alone || in.winner() > 254) return malformed("call.parties");
    out.near = static_cast<uint8_t>(in.near());
    out.pages = in.pages();
    if (in.intruder() < 255) out.intruder = static_cast<uint8_t>(in.intruder());
    out.transfer = decode_transfer(in);
    out.winner = static_cast<uint8_t>(in.winner());
    return out;
}

}  // namespace tandem::call
