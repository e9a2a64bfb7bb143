// What a C++ answer is built with to run hidden steps: it sends the value of each as one line of JSON on
// a channel of its own, under a word that came after the answer was compiled. It knows of no expected
// value. HIDDEN stands for a name that the answer cannot foresee.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <unistd.h>
#include <utility>

// A sanitizer ends the process with 86; leaks want ptrace, which no sandbox grants. An environment variable
// would be read in /proc, which may not be there.
#define HIDDEN_OPTIONS "detect_leaks=0:exitcode=86:hard_rss_limit_mb=512:can_use_proc_maps_statm=0"
extern "C" const char *__asan_default_options() { return HIDDEN_OPTIONS; }
extern "C" const char *__ubsan_default_options() { return HIDDEN_OPTIONS; }

namespace HIDDEN {
inline std::string word;
inline int scenario = 0, step = 0;
struct Nothing {};
template <class T> T &&operator,(T &&value, Nothing) { return static_cast<T &&>(value); }

template <class T, class = void> struct ranged : std::false_type {};
template <class T>
struct ranged<T, std::void_t<decltype(std::declval<const T &>().begin() !=
                                      std::declval<const T &>().end()),
                             typename T::value_type>> : std::true_type {};
template <class T, class = void> struct keyed : std::false_type {};
template <class T>
struct keyed<T, std::void_t<typename T::mapped_type, typename T::key_type>> : std::true_type {};
template <class T, class = void> struct sized : std::false_type {};
template <class T>
struct sized<T, std::void_t<decltype(std::tuple_size<T>::value)>> : std::true_type {};
template <class T, class = void> struct pointing : std::false_type {};
template <class T>
struct pointing<T, std::void_t<decltype(*std::declval<const T &>()),
                               decltype(static_cast<bool>(std::declval<const T &>()))>>
    : std::true_type {};
template <class> inline constexpr bool never = false;
template <class T>
inline constexpr bool sendable =
    std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_convertible_v<const T &, std::string_view> ||
    ranged<T>::value || sized<T>::value || pointing<T>::value || std::is_same_v<T, std::nullptr_t>;

inline void text(std::string &out, std::string_view said) {
  out += '"';
  for (unsigned char one : said) {
    char code[8];
    if (one == '"' || one == '\\' || one < 0x20 || one > 0x7e) {
      std::snprintf(code, sizeof code, "\\u%04x", one);
      out += code;
    } else {
      out += static_cast<char>(one);
    }
  }
  out += '"';
}

template <class T> void put(std::string &out, const T &value) {
  if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, Nothing> || std::is_same_v<T, std::nullptr_t> ||
                       std::is_same_v<T, std::nullopt_t>) {
    out += "null";
  } else if constexpr (std::is_same_v<T, char>) {
    text(out, std::string_view(&value, 1));
  } else if constexpr (std::is_enum_v<T>) {
    put(out, +static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_integral_v<T>) {
    out += std::to_string(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    char digits[40];
    std::snprintf(digits, sizeof digits, "%.17Lg", static_cast<long double>(value));
    out += std::isfinite(value) ? digits : std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  } else if constexpr (std::is_convertible_v<const T &, std::string_view>) {
    if constexpr (std::is_pointer_v<T>) {
      if (value == nullptr) { out += "null"; return; }
    }
    text(out, std::string_view(value));
  } else if constexpr (keyed<T>::value) {
    out += "{";
    bool first = true;
    for (const auto &[key, mapped] : value) {
      std::string name;
      put(name, key);
      if (!std::exchange(first, false)) out += ",";
      if (name[0] == '"') out += name; else text(out, name);
      out += ":";
      put(out, mapped);
    }
    out += "}";
  } else if constexpr (ranged<T>::value || std::is_array_v<T>) {
    out += "[";
    bool first = true;
    for (auto &&one : value) {
      if (!std::exchange(first, false)) out += ",";
      if constexpr (std::is_array_v<T>) put(out, one);
      else put(out, static_cast<const typename T::value_type &>(one));
    }
    out += "]";
  } else if constexpr (sized<T>::value) {
    out += "[";
    std::apply([&](const auto &...parts) {
      bool first = true;
      ((out += std::exchange(first, false) ? "" : ",", put(out, parts)), ...);
    }, value);
    out += "]";
  } else if constexpr (pointing<T>::value) {
    if (static_cast<bool>(value)) put(out, *value); else out += "null";
  } else {
    static_assert(never<T>, "a value of this type cannot be sent: give its parts as std::make_tuple(...)");
  }
}

inline void send(const char *kind, const std::string &json) {
  std::string line = word + " [" + std::to_string(scenario) + "," + std::to_string(step) + ",\"" +
                     kind + "\"," + json + "]\n";
  for (size_t done = 0; done < line.size();) {
    ssize_t wrote = ::write(3, line.data() + done, line.size() - done);
    if (wrote <= 0) ::_exit(9);
    done += static_cast<size_t>(wrote);
  }
}
template <class T> void value(const T &found) {
  std::string out;
  put(out, found);
  send("value", out);
}
// Both sides go out, so that no operator of the answer decides, but for two of types of its own.
template <class L, class R, class Compare>
void compared(const L &left, const R &right, const char *sign, Compare compare) {
  // where a pointer leads says nothing of which it is, and its == is nobody's to overload
  constexpr bool texts = std::is_convertible_v<const L &, std::string_view>;
  constexpr bool to = std::is_pointer_v<R> || std::is_same_v<R, std::nullptr_t>;
  if constexpr (std::is_pointer_v<L> && to && !texts) {
    value(compare(left, right));
  } else if constexpr (sendable<L> && sendable<R>) {
    std::string out = "[[";
    put(out, left);
    out += ",";
    put(out, right);
    send("compare", out + "],[\"" + sign + "\"]]");
  } else if constexpr (sendable<L> || sendable<R>) {
    send("raise", "[[\"not plain data\"],\"one side is a class that cannot be sent\"]");
  } else {
    value(compare(left, right));
  }
}
inline void raised() {
  std::string out = "[[", what;
  int status = 0;
  const std::type_info *kind = abi::__cxa_current_exception_type();
  char *name = kind ? abi::__cxa_demangle(kind->name(), nullptr, nullptr, &status) : nullptr;
  text(out, name && !status ? name : "something");
  std::free(name);
  try {
    throw;
  } catch (const std::exception &error) {
    what = error.what();
    if (dynamic_cast<const std::logic_error *>(&error)) out += ",\"std::logic_error\"";
    if (dynamic_cast<const std::runtime_error *>(&error)) out += ",\"std::runtime_error\"";
    out += ",\"std::exception\"";
  } catch (...) {
  }
  out += "],";
  text(out, what);
  send("raise", out + "]");
}
// Runs the scenario of that number. Each gets a process that is started anew: what watches the memory of
// one is a thread of the sanitizer, which a fork would leave behind.
inline int run(void (*const *scenarios)(), const char *number) {
  for (int one; (one = std::getchar()) != EOF && one != '\n';) word += static_cast<char>(one);
  scenario = std::atoi(number);
  try {
    scenarios[scenario]();
    step = -1;
    send("end", "null");
  } catch (...) {
    raised();
  }
  std::fflush(nullptr);
  ::_exit(0);
}
} // namespace HIDDEN
