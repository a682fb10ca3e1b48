// A SIP message, received or built. It owns one block of text and a table of header slots into it.
//
// Slots are offsets, so a Message copies and moves cheaply. Headers are found by one scan and
// decoded when asked for. Typed values and string_views that a Message gave out point into its
// text: they are valid until it is edited, moved from or destroyed. An edit appends to the text and
// leaves the old bytes behind, so a message is edited a few times and then serialised, not kept and
// edited for ever. Owned by whoever holds it; used on one shard. RFC 3261 7, 8.2.6, 20.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "sip/header_id.h"
#include "sip/headers.h"
#include "sip/method.h"
#include "sip/scanner.h"
#include "sip/uri.h"

namespace tandem::sip {

class Message {
 public:
    // A header field as it stood; `name` is the canonical long form where the header is known.
    struct Field {
        HeaderId id = HeaderId::Other;
        std::string_view name;
        std::string_view value;  // one line, trimmed
    };

 private:
    struct Slot {
        HeaderId id = HeaderId::Other;
        uint16_t name_size = 0;  // the name is kept for HeaderId::Other only
        uint32_t name = 0;
        uint32_t value = 0;
        uint32_t value_size = 0;
    };
    struct Range {
        uint32_t offset = 0;
        uint32_t size = 0;
    };

 public:
    // The fields of one header in message order, each as its raw value.
    class Fields;
    // The comma-separated values of all fields of one list header.
    class Values;
    // The same, each decoded: for (Result<NameAddr> contact : message.contacts()).
    template <typename T>
    class Typed;

    Message() = default;  // an empty request; made whole by assignment

    static Message request(Method method, std::string_view uri);
    static Message request(std::string_view method_token, std::string_view uri);
    // `reason` empty: default_reason(status).
    static Message response(int status, std::string_view reason = {});

    bool is_request() const { return status_ == 0; }
    bool is_response() const { return status_ != 0; }
    Method method() const { return method_; }  // Other in a response: see cseq()
    std::string_view method_token() const { return view(method_token_); }
    std::string_view request_uri() const { return view(uri_); }
    Result<UriView> parsed_request_uri() const;
    int status() const { return status_; }
    std::string_view reason() const { return view(reason_); }

    // Raw access. header() gives the first field's value.
    std::optional<std::string_view> header(HeaderId id) const;
    std::optional<std::string_view> header(std::string_view name) const;
    bool has(HeaderId id) const { return header(id).has_value(); }
    size_t count(HeaderId id) const;  // of fields, not of values
    size_t field_count() const { return slots_.size(); }
    Field field(size_t index) const;
    // Ranges and what they give out are views too: they are refused from a temporary message.
    Fields fields(HeaderId id) const&;  // also for headers whose values hold commas (Authorization)
    Values values(HeaderId id) const&;
    Fields fields(HeaderId id) const&& = delete;
    Values values(HeaderId id) const&& = delete;
    // True when the list header holds the token, compared without case: has_value(Supported,
    // "100rel").
    bool has_value(HeaderId id, std::string_view token) const;

    // Typed access. A mandatory header that is absent is an error (Missing, 400); an optional one
    // gives nullopt. Nothing is cached.
    Result<Via> top_via() const;
    Result<NameAddr> from() const;
    Result<NameAddr> to() const;
    std::string_view call_id() const { return header(HeaderId::CallId).value_or(""); }
    Result<CSeq> cseq() const;
    Typed<Via> vias() const&;
    Typed<Via> vias() const&& = delete;
    Typed<NameAddr> contacts() const&;
    Typed<NameAddr> contacts() const&& = delete;
    // Route, Record-Route, Path, P-Asserted-Identity and their like.
    Typed<NameAddr> addresses(HeaderId id) const&;
    Typed<NameAddr> addresses(HeaderId id) const&& = delete;
    Result<std::optional<NameAddr>> address(HeaderId id) const;  // the first: Refer-To, Contact...
    Result<std::optional<uint32_t>> number(HeaderId id) const;   // Expires, Min-Expires, RSeq...
    Result<std::optional<uint32_t>> max_forwards() const;        // at most 255
    Result<std::optional<uint32_t>> expires() const { return number(HeaderId::Expires); }
    Result<std::optional<uint32_t>> rseq() const { return number(HeaderId::RSeq); }
    Result<std::optional<RAck>> rack() const;
    Result<std::optional<SessionExpires>> session_expires() const;
    Result<std::optional<SessionExpires>> min_se() const;
    Result<std::optional<TokenParams>> event() const;
    Result<std::optional<TokenParams>> token_params(HeaderId id) const;
    Result<std::optional<Replaces>> replaces() const;
    Result<std::optional<MediaType>> content_type() const;
    Result<std::optional<RetryAfter>> retry_after() const;
    // Authorization, Proxy-Authorization, WWW-Authenticate, Proxy-Authenticate: one a field.
    Typed<AuthValue> auth_values(HeaderId id) const&;
    Typed<AuthValue> auth_values(HeaderId id) const&& = delete;

    std::string_view body() const { return view(body_); }
    // Where a view that this message gave out stands in its text: for error reports.
    size_t offset_of(std::string_view part) const;

    // Editing. A value cannot leave its line: CR, LF and NUL become spaces.
    void append(HeaderId id, std::string_view value);  // after the last of its kind, or at the end
    void append(std::string_view name, std::string_view value);
    void prepend(HeaderId id, std::string_view value);  // before the first of its kind, or on top
    void replace(HeaderId id, std::string_view value);  // becomes the only one of its kind
    void replace_field(size_t index, std::string_view value);
    // Edits of a list header's first value, as proxies do with Via and Route; the others stay.
    void replace_first_value(HeaderId id, std::string_view value);
    bool remove_first_value(HeaderId id);
    size_t remove(HeaderId id);  // how many fields went
    size_t remove(std::string_view name);
    void set_request_uri(std::string_view uri);
    void set_status(int status, std::string_view reason = {});
    void set_body(std::string_view content_type, std::string_view body);
    void clear_body();  // with Content-Type, -Disposition, -Encoding, -Language

    // Appends the wire form: start line, fields in order, Content-Length (always, last), body.
    void serialize(std::string& out) const;
    std::string to_text() const;
    size_t serialized_size() const;  // exact

 private:
    friend class MessageParser;

    std::string_view view(Range range) const {
        return std::string_view(storage_).substr(range.offset, range.size);
    }
    std::string_view value_of(const Slot& slot) const {
        return std::string_view(storage_).substr(slot.value, slot.value_size);
    }
    Range store(std::string_view text);       // as it is
    Range store_line(std::string_view text);  // trimmed, without CR, LF, NUL
    Slot make_slot(HeaderId id, std::string_view name, std::string_view value);
    size_t find_slot(HeaderId id) const;  // slots_.size() when absent
    bool names_slot(const Slot& slot, std::string_view name) const;

    std::string storage_;
    std::vector<Slot> slots_;
    Range method_token_;
    Range uri_;
    Range reason_;
    Range body_;
    int status_ = 0;
    Method method_ = Method::Other;
};

class Message::Fields {
 public:
    class Iterator {
     public:
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        Iterator(const Message* message, HeaderId id) : message_(message), id_(id) { settle(); }
        std::string_view operator*() const { return message_->value_of(message_->slots_[index_]); }
        Iterator& operator++() {
            ++index_;
            settle();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.at_end(); }

     private:
        bool at_end() const { return index_ >= message_->slots_.size(); }
        void settle() {
            const auto& slots = message_->slots_;
            while (index_ < slots.size() && slots[index_].id != id_) ++index_;
        }
        const Message* message_ = nullptr;
        HeaderId id_ = HeaderId::Other;
        size_t index_ = 0;
    };
    Fields(const Message* message, HeaderId id) : message_(message), id_(id) {}
    Iterator begin() const { return {message_, id_}; }
    std::default_sentinel_t end() const { return {}; }

 private:
    const Message* message_;
    HeaderId id_;
};

class Message::Values {
 public:
    class Iterator {
     public:
        using value_type = std::string_view;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        explicit Iterator(Fields::Iterator field) : field_(field) { ++*this; }
        std::string_view operator*() const { return value_; }
        Iterator& operator++();
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.done_; }

     private:
        Fields::Iterator field_;
        std::string_view rest_;
        std::string_view value_;
        bool opened_ = false;
        bool done_ = false;
    };
    explicit Values(Fields fields) : fields_(fields) {}
    Iterator begin() const { return Iterator(fields_.begin()); }
    std::default_sentinel_t end() const { return {}; }
    bool empty() const { return begin() == end(); }

 private:
    Fields fields_;
};

template <typename T>
class Message::Typed {
 public:
    // Challenges and credentials use commas within one value.
    using Source = std::conditional_t<std::is_same_v<T, AuthValue>, Fields, Values>;

    class Iterator {
     public:
        using value_type = Result<T>;
        using difference_type = std::ptrdiff_t;
        Iterator() = default;
        explicit Iterator(Source::Iterator raw) : raw_(raw) {}
        Result<T> operator*() const { return T::parse(*raw_); }
        Iterator& operator++() {
            ++raw_;
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& it, std::default_sentinel_t end) {
            return it.raw_ == end;
        }

     private:
        Source::Iterator raw_;
    };
    explicit Typed(Fields fields) : source_(fields) {}
    Iterator begin() const { return Iterator(source_.begin()); }
    std::default_sentinel_t end() const { return {}; }
    bool empty() const { return source_.begin() == std::default_sentinel; }

 private:
    Source source_;
};

// RFC 3261 8.2.6: Via, From, To, Call-ID, CSeq (and Timestamp in a 100) copied from the request.
// The To gets `to_tag` when it has none yet and `to_tag` is not empty (leave it empty for 100).
Message make_response(const Message& request, int status, std::string_view reason = {},
                      std::string_view to_tag = {});

// Copies of Via, Route of an INVITE for its ACK to a non-2xx (17.1.1.3) and its CANCEL (9.1): the
// request with the INVITE's Request-URI, top Via, From, Call-ID, CSeq number, Routes, and `to`.
Message make_ack_for_failure(const Message& invite, const Message& response);
Message make_cancel(const Message& invite);

// What a server transport notes in the top Via of a request: `received` when the source address
// differs from sent-by, and the value of `rport` when it was asked for, then `received` too.
// `address` is plain text, IPv6 without brackets. RFC 3261 18.2.1, RFC 3581 4.
void note_source(Message& request, std::string_view address, uint16_t port);

}  // namespace tandem::sip
