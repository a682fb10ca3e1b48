// The members of what is said about media, numbered. See codec.h.
#pragma once

#include "ports/media_port.h"
#include "wire/fields_ports.h"

namespace tandem::wire {

template <typename A>
void describe(A& a, ports::MediaPlace& v) {
    a(1, v.call);
    a(2, v.domain);
}
template <typename A>
void describe(A& a, ports::MediaPlaced& v) {
    a(1, v.media_gate);
    a(2, v.error);
}
template <typename A>
void describe(A& a, ports::SrtpKey& v) {
    a(1, v.suite);
    a(2, v.key_and_salt);
}
template <typename A>
void describe(A& a, ports::StreamSettings& v) {
    a(1, v.kind);
    a(2, v.enabled);
    a(3, v.rtcp_mux);
    a(4, v.remote_rtp);
    a(5, v.remote_rtcp);
    a(6, v.direction);
    a(7, v.from_party);
    a(8, v.to_party);
    a(9, v.telephone_event_type);
}
template <typename A>
void describe(A& a, ports::TerminationSettings& v) {
    a(1, v.termination);
    a(2, v.family);
    a(3, v.signalling_source);
    a(4, v.streams);
    a(5, v.ports_wanted);
    a(6, v.reports_keys);
}
template <typename A>
void describe(A& a, ports::MediaVoice& v) {
    a(1, v.termination);
    a(2, v.stream);
    a(3, v.codec);
    a(4, v.payload_type);
}
template <typename A>
void describe(A& a, ports::MediaPlay& v) {
    a(1, v.termination);
    a(2, v.stream);
    a(3, v.codec);
    a(4, v.payload_type);
    a(5, v.sound);
    a(6, v.domain);
    a(7, v.music);
    a(8, v.once);
    a(9, v.voices);
}
template <typename A>
void describe(A& a, ports::MediaRequest& v) {
    a(1, v.context);
    a(2, v.set);
    a(3, v.remove);
    a(4, v.joined);
    a(5, v.close);
    a(6, v.silence_timeout_s);
    a(7, v.must_exist);
    a(8, v.stop_playing);
    a(9, v.play);
    a(280, v.heard);
}
template <typename A>
void describe(A& a, ports::LocalStream& v) {
    a(1, v.rtp);
    a(2, v.rtcp);
}
template <typename A>
void describe(A& a, ports::LocalTermination& v) {
    a(1, v.termination);
    a(2, v.streams);
}
template <typename A>
void describe(A& a, ports::StreamStatistics& v) {
    a(1, v.termination);
    a(2, v.stream);
    a(3, v.kind);
    a(4, v.packets_received);
    a(5, v.bytes_received);
    a(6, v.packets_sent);
    a(7, v.bytes_sent);
    a(8, v.packets_lost);
    a(9, v.packets_refused);
    a(10, v.jitter_ms);
    a(11, v.round_trip_ms);
    a(12, v.mos);
    a(13, v.srtp);
}
template <typename A>
void describe(A& a, ports::MediaReply& v) {
    a(1, v.context);
    a(2, v.error);
    a(3, v.local);
    a(4, v.statistics);
}
template <typename A>
void describe(A& a, ports::MediaStatisticsQuery& v) {
    a(1, v.context);
}
template <typename A>
void describe(A& a, ports::MediaEvent& v) {
    a(1, v.context);
    a(2, v.kind);
    a(3, v.termination);
    a(4, v.stream);
    a(5, v.key);
}
template <typename A>
void describe(A& a, ports::MediaLoad& v) {
    a(1, v.media_gate);
    a(2, v.contexts);
    a(3, v.ports_used);
    a(4, v.ports_total);
}
template <typename A>
void describe(A& a, ports::MediaReconcile& v) {
    a(1, v.owner);
    a(2, v.alive);
}
template <typename A>
void describe(A& a, ports::MediaPortOpen& v) {
    a(1, v.local);
    a(2, v.port_id);
}
template <typename A>
void describe(A& a, ports::MediaPortClose& v) {
    a(1, v.port_id);
}
template <typename A>
void describe(A& a, ports::MediaPortFailed& v) {
    a(1, v.port_id);
    a(2, v.error);
}

}  // namespace tandem::wire
