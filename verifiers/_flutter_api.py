"""What Flutter's releases deprecated and brought: release, and what to write instead. Source:
docs.flutter.dev/release/breaking-changes and the annotations in the framework's own code."""

from __future__ import annotations

from ._words import words

_GONE = (2, 0)
#: names of classes, functions and constants
NAMES: dict[str, tuple[tuple[int, int], str]] = {
    "WillPopScope": ((3, 16), "PopScope"),
    "RawKeyboardListener": ((3, 19), "KeyboardListener"),
    "RawKeyboard": ((3, 19), "HardwareKeyboard"),
    "RawKeyEvent": ((3, 19), "KeyEvent"),
    "RawKeyDownEvent": ((3, 19), "KeyDownEvent"),
    "RawKeyUpEvent": ((3, 19), "KeyUpEvent"),
    "MaterialState": ((3, 22), "WidgetState"),
    "MaterialStateProperty": ((3, 22), "WidgetStateProperty"),
    "MaterialStatePropertyAll": ((3, 22), "WidgetStatePropertyAll"),
    "MaterialStateColor": ((3, 22), "WidgetStateColor"),
    "MaterialStateTextStyle": ((3, 22), "WidgetStateTextStyle"),
    "MaterialStateMouseCursor": ((3, 22), "WidgetStateMouseCursor"),
    "MaterialStateBorderSide": ((3, 22), "WidgetStateBorderSide"),
    "MaterialStatesController": ((3, 22), "WidgetStatesController"),
    "ButtonBar": ((3, 24), "OverflowBar"),
    "FlatButton": (_GONE, "TextButton"),
    "RaisedButton": (_GONE, "ElevatedButton"),
    "OutlineButton": (_GONE, "OutlinedButton"),
    "ExpansionTileController": ((3, 35), "ExpansibleController"),
    "describeEnum": ((3, 16), "name of the enum's value"),
    "hashValues": ((3, 0), "Object.hash"),
    "hashList": ((3, 0), "Object.hashAll"),
    "WhitelistingTextInputFormatter": (_GONE, "FilteringTextInputFormatter.allow"),
    "BlacklistingTextInputFormatter": (_GONE, "FilteringTextInputFormatter.deny"),
    "ToolbarOptions": ((3, 7), "contextMenuBuilder"),
}
#: members after a dot, on whatever they are called
MEMBERS: dict[str, tuple[tuple[int, int], str]] = {
    "withOpacity": ((3, 27), "withValues(alpha: ...)"),
    "textScaleFactor": ((3, 16), "textScaler"),
    "textScaleFactorOf": ((3, 16), "textScalerOf"),
    "accentColor": ((2, 0), "colorScheme.secondary"),
    "accentTextTheme": ((2, 0), "textTheme"),
    "buttonColor": ((2, 0), "the theme of the button"),
    "headline1": ((3, 0), "displayLarge"),
    "headline2": ((3, 0), "displayMedium"),
    "headline3": ((3, 0), "displaySmall"),
    "headline4": ((3, 0), "headlineMedium"),
    "headline5": ((3, 0), "headlineSmall"),
    "headline6": ((3, 0), "titleLarge"),
    "subtitle1": ((3, 0), "titleMedium"),
    "subtitle2": ((3, 0), "titleSmall"),
    "bodyText1": ((3, 0), "bodyLarge"),
    "bodyText2": ((3, 0), "bodyMedium"),
    "onBackground": ((3, 22), "onSurface"),
    "surfaceVariant": ((3, 22), "surfaceContainerHighest"),
    "setEnabledSystemUIOverlays": ((3, 0), "setEnabledSystemUIMode"),
    "inheritFromWidgetOfExactType": (_GONE, "dependOnInheritedWidgetOfExactType"),
    "ancestorWidgetOfExactType": (_GONE, "findAncestorWidgetOfExactType"),
    "ancestorStateOfType": (_GONE, "findAncestorStateOfType"),
    "rootAncestorStateOfType": (_GONE, "findRootAncestorStateOfType"),
    "resizeToAvoidBottomPadding": (_GONE, "resizeToAvoidBottomInset"),
    "addScopedWillPopCallback": ((3, 16), "PopScope"),
    "removeScopedWillPopCallback": ((3, 16), "PopScope"),
}
#: a member of one owner only: the owner's name, or ``Owner.of`` in the same chain
OWNED: dict[tuple[str, str], tuple[tuple[int, int], str]] = {
    ("Scaffold", "showSnackBar"): (_GONE, "ScaffoldMessenger.of(context).showSnackBar"),
    ("Scaffold", "hideCurrentSnackBar"): (_GONE, "ScaffoldMessenger.of(context)"),
    ("Scaffold", "removeCurrentSnackBar"): (_GONE, "ScaffoldMessenger.of(context)"),
    ("WidgetsBinding", "window"): ((3, 10), "View.of(context)"),
    ("ui", "window"): ((3, 10), "View.of(context)"),
    ("Theme", "backgroundColor"): ((3, 7), "colorScheme.surface"),
    ("Theme", "errorColor"): ((3, 7), "colorScheme.error"),
    ("Theme", "bottomAppBarColor"): ((3, 7), "bottomAppBarTheme"),
    ("Theme", "selectedRowColor"): ((3, 7), "none"),
    ("Theme", "toggleableActiveColor"): ((3, 7), "the theme of the control"),
    ("Theme", "dialogBackgroundColor"): ((3, 27), "dialogTheme.backgroundColor"),
    ("colorScheme", "background"): ((3, 22), "surface"),
    ("ColorScheme", "background"): ((3, 22), "surface"),
}
#: named arguments, of whatever is called
LABELS: dict[str, tuple[tuple[int, int], str]] = {
    "onPopInvoked": ((3, 24), "onPopInvokedWithResult"),
    "onWillPop": ((3, 16), "PopScope"),
    "textScaleFactor": ((3, 16), "textScaler"),
    "autovalidate": (_GONE, "autovalidateMode"),
    "maxLengthEnforced": (_GONE, "maxLengthEnforcement"),
    "hasFloatingPlaceholder": (_GONE, "floatingLabelBehavior"),
    "resizeToAvoidBottomPadding": (_GONE, "resizeToAvoidBottomInset"),
    "onWillAccept": ((3, 16), "onWillAcceptWithDetails"),
    "toolbarOptions": ((3, 7), "contextMenuBuilder"),
    "useInheritedMediaQuery": ((3, 10), "none"),
    "accentColor": (_GONE, "colorScheme"),
    "onBackground": ((3, 22), "onSurface"),
    "surfaceVariant": ((3, 22), "surfaceContainerHighest"),
    "toggleableActiveColor": ((3, 7), "the theme of the control"),
    "dialogBackgroundColor": ((3, 27), "dialogTheme"),
    "androidOverscrollIndicator": ((3, 7), "none"),
    "dataRowHeight": ((3, 10), "dataRowMinHeight and dataRowMaxHeight"),
}
#: named arguments of one call: its name, or the class of a named constructor
OF_CALL: dict[tuple[str, str], tuple[tuple[int, int], str]] = {
    ("DragTarget", "onAccept"): ((3, 16), "onAcceptWithDetails"),
    ("styleFrom", "primary"): ((3, 7), "backgroundColor or foregroundColor"),
    ("styleFrom", "onPrimary"): ((3, 7), "foregroundColor"),
    ("styleFrom", "onSurface"): ((3, 7), "disabledForegroundColor"),
    ("AppBar", "brightness"): ((2, 5), "systemOverlayStyle"),
    ("AppBar", "textTheme"): ((2, 5), "titleTextStyle"),
    ("BottomNavigationBarItem", "title"): (_GONE, "label"),
    ("Stack", "overflow"): (_GONE, "clipBehavior"),
    ("ThemeData", "backgroundColor"): ((3, 7), "colorScheme.surface"),
    ("ThemeData", "errorColor"): ((3, 7), "colorScheme.error"),
    ("ThemeData", "buttonColor"): (_GONE, "elevatedButtonTheme"),
    ("ThemeData", "bottomAppBarColor"): ((3, 7), "bottomAppBarTheme"),
    ("ColorScheme", "background"): ((3, 22), "surface"),
    ("fromSeed", "background"): ((3, 22), "surface"),
    ("ButtonTheme", "buttonColor"): (_GONE, "styles of the button"),
    ("Switch", "activeColor"): ((3, 35), "activeThumbColor"),
    ("SwitchListTile", "activeColor"): ((3, 35), "activeThumbColor"),
    ("DropdownButtonFormField", "value"): ((3, 35), "initialValue"),
    ("TextTheme", "headline6"): ((3, 0), "titleLarge"),
    ("TextTheme", "bodyText2"): ((3, 0), "bodyMedium"),
    ("showDialog", "child"): (_GONE, "builder"),
}
#: the release that brought a name, where an older one may be asked for
SINCE: dict[str, tuple[int, int]] = {
    "PopScope": (3, 16), "onPopInvokedWithResult": (3, 24), "withValues": (3, 27),
    "WidgetState": (3, 22), "WidgetStateProperty": (3, 22), "WidgetStatePropertyAll": (3, 22),
    "textScaler": (3, 16), "CarouselView": (3, 24), "RadioGroup": (3, 35),
    "AppLifecycleListener": (3, 13), "SearchAnchor": (3, 10), "KeyboardListener": (2, 0),
    "ListenableBuilder": (3, 10), "sizeOf": (3, 10), "surfaceContainerHighest": (3, 22),
}  # fmt: skip
#: the release whose Dart (3.10) knows ``.center`` for ``MainAxisAlignment.center``
SHORTHANDS = (3, 38)
#: names that need this import
IMPORTS = {
    "dart:async": words(
        "Timer StreamSubscription StreamController Completer StreamTransformer Zone"
        " runZonedGuarded unawaited TimeoutException scheduleMicrotask"
    ),
    "dart:convert": words("jsonDecode jsonEncode utf8 base64Encode base64Decode LineSplitter"),
    "dart:math": words("Random Point"),
    "dart:io": words("File Directory HttpClient Socket WebSocket"),
    "dart:collection": words("Queue HashMap LinkedHashMap UnmodifiableListView ListQueue"),
    "package:flutter/services.dart": words(
        "HapticFeedback SystemChrome Clipboard ClipboardData MethodChannel EventChannel"
        " FilteringTextInputFormatter LengthLimitingTextInputFormatter"
        " LogicalKeyboardKey rootBundle"
        " SystemUiMode DeviceOrientation SystemUiOverlayStyle SystemNavigator"
    ),
    "package:flutter/foundation.dart": words(
        "compute kIsWeb kDebugMode kReleaseMode listEquals mapEquals setEquals"
    ),
    "package:flutter/scheduler.dart": words("Ticker SchedulerBinding SchedulerPhase timeDilation"),
    "package:flutter/physics.dart": words("SpringSimulation FrictionSimulation GravitySimulation"),
    "package:flutter/gestures.dart": words(
        "TapGestureRecognizer LongPressGestureRecognizer PanGestureRecognizer"
    ),
}
#: imports that bring an import's names along
ALSO = {
    "dart:collection": ("package:collection/collection.dart",),
    "package:flutter/foundation.dart": (),
}
WIDGETS = (
    "package:flutter/material.dart",
    "package:flutter/cupertino.dart",
    "package:flutter/widgets.dart",
)
#: what asks for one of ``WIDGETS``
WIDGET_BASES = words(
    "StatelessWidget StatefulWidget State InheritedWidget InheritedNotifier CustomPainter"
)
#: what material.dart has and cupertino.dart and widgets.dart have not
MATERIAL = words(
    "MaterialApp Scaffold AppBar ElevatedButton FilledButton TextButton OutlinedButton IconButton"
    " FloatingActionButton ListTile Card TextField TextFormField Theme"
    " ThemeData Colors Icons SnackBar"
    " ScaffoldMessenger AlertDialog CircularProgressIndicator InkWell"
    " Material Switch Slider Checkbox"
)
#: bases whose inherited names are known; of others anything may be inherited
BASES = words(
    "StatelessWidget StatefulWidget State ChangeNotifier ValueNotifier"
    " InheritedWidget CustomPainter"
    " CustomClipper InheritedNotifier Exception Error Object Comparable"
    " Equatable Enum Intent Action"
    " SingleTickerProviderStateMixin TickerProviderStateMixin WidgetsBindingObserver"
    " AutomaticKeepAliveClientMixin RouteAware PreferredSizeWidget"
    " DiagnosticableTreeMixin Listenable"
    " NavigatorObserver ThemeExtension"
)
#: lower-case names that Flutter, Dart and the bases above give
KNOWN = words(
    "context widget mounted setState initState dispose didChangeDependencies didUpdateWidget build"
    " deactivate reassemble createState key hashCode runtimeType toString"
    " noSuchMethod notifyListeners"
    " addListener removeListener hasListeners value updateKeepAlive"
    " wantKeepAlive child notifier name index values"
    " showDialog showGeneralDialog showModalBottomSheet showBottomSheet"
    " showDatePicker showTimePicker"
    " showDateRangePicker showMenu showSearch showAboutDialog showAdaptiveDialog showLicensePage"
    " showCupertinoDialog showCupertinoModalPopup runApp debugPrint debugPrintStack print identical"
    " identityHashCode precacheImage compute jsonDecode jsonEncode json"
    " utf8 base64Encode base64Decode base64"
    " kToolbarHeight kBottomNavigationBarHeight kMinInteractiveDimension kThemeAnimationDuration"
    " kTextTabBarHeight kFloatingActionButtonMargin kTabLabelPadding"
    " kDebugMode kReleaseMode kIsWeb kProfileMode"
    " defaultTargetPlatform rootBundle unawaited scheduleMicrotask runZonedGuarded runZoned"
    " listEquals mapEquals setEquals clampDouble lerpDouble timeDilation"
    " createLocalImageConfiguration"
    " debugCheckHasMaterial debugPaintSizeEnabled kElevationToShadow kRadialReactionRadius"
    " didChangeAppLifecycleState didPush didPop didPopNext didPushNext"
    " int double num bool dynamic void late required async await yield vsync restorationId"
    " basicLocaleListResolution primaryFocus repaint of super this elementAt compareTo createTicker"
    " pi e sin cos tan asin acos atan atan2 min max sqrt pow exp log ln2 sqrt2 ln10"
    " immutable protected visibleForTesting override deprecated mustCallSuper"
)
