"""``ft monitor``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def monitor(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    feed: Annotated[
        Path,
        typer.Argument(
            metavar="FEED", help="Posts, one object of JSON a line: time, text, source, entity, id."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            show_default="monitor; with --backtest the feed's name without its ending, and -backtest",
            help="Takes state, alarms, index and page.",
        ),
    ] = None,
    backtest: Annotated[
        bool,
        typer.Option("--backtest", help="Look back over the whole feed; no state is read or kept."),
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for more posts at the end of the feed.")
    ] = False,
    false_alarms: Annotated[
        float,
        typer.Option(min=0.001, help="False alarms a month, over all series together."),
    ] = 1.0,
    feeling: Annotated[
        str | None, typer.Option(show_default=False, help="The run's target that is the feeling.")
    ] = None,
    topic: Annotated[
        str | None, typer.Option(show_default=False, help="The run's target that is the topic.")
    ] = None,
    negative: Annotated[
        list[str] | None,
        typer.Option(show_default=False, help="A feeling that is bad; repeatable."),
    ] = None,
    positive: Annotated[
        list[str] | None,
        typer.Option(show_default=False, help="A feeling that is good; repeatable."),
    ] = None,
    silence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERIES",
            show_default=False,
            help="Tell no alarm of it, such as 'topic price'; repeatable.",
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="URL", show_default=False, help="Send every alarm there, as JSON."),
    ] = None,
    late: Annotated[
        float, typer.Option(min=0, help="Hours that a post may come behind later ones.")
    ] = 1.0,
    repeats: Annotated[
        float, typer.Option(min=0, help="Hours in which a repeated post does not count again.")
    ] = 24.0,
    merge: Annotated[
        int, typer.Option(min=1, help="Hours without a surge after which an alarm has ended.")
    ] = 24,
    warm_up: Annotated[int, typer.Option(min=1, help="Days of a series before it is judged.")] = 14,
    least: Annotated[int, typer.Option(min=1, help="Negative posts that an alarm needs.")] = 5,
    rise: Annotated[
        float,
        typer.Option(min=0, max=1, help="How far above the usual the negative's share must be."),
    ] = 0.05,
    most_series: Annotated[
        int, typer.Option(min=1, help="Topics and entities that are watched at most.")
    ] = 500,
    zone: Annotated[str, typer.Option("--timezone", help="Of hours, weekdays and days.")] = "UTC",
    time_key: Annotated[
        str, typer.Option(help="The key of the time at which a post could be known.")
    ] = "time",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only alarms.")] = False,
    trust_plugins: Annotated[
        bool,
        typer.Option(
            "--trust-plugins", help="Run plugin files that the run names, made elsewhere."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Alarms as JSON, one a line.")] = False,
) -> None:
    """Watch the opinion in a stream of posts: an index of feeling, and alarms when bad news surges."""
    from zoneinfo import ZoneInfo

    import ft
    from ft_monitor.model import Model
    from ft_monitor.page import page
    from ft_monitor.settings import Settings
    from ft_monitor.state import Folder
    from ft_monitor.tell import check_url, printed
    from ft_monitor.tell import webhook as sender
    from ft_monitor.watch import Watch

    def say(text: str) -> None:
        if not quiet:
            typer.echo(text, err=True)

    try:
        ZoneInfo(zone)
    except (OSError, ValueError, KeyError) as error:
        raise ft.ConfigError(
            f"there is no time zone {zone!r}", where="--timezone", hint="e.g. Europe/Berlin"
        ) from error
    if backtest and follow:
        raise ft.ConfigError("looks back, and does not wait", where="--backtest")
    if webhook is not None:
        check_url(webhook)
    send = sender(webhook, say) if webhook and not backtest else None

    def tell(event: dict[str, Any]) -> None:
        typer.echo(ft.to_json(event) if as_json else printed(event))
        if send is not None:
            send(event)

    settings = Settings(
        false_alarms=false_alarms,
        late=round(late * 3600),
        repeats=round(repeats * 3600),
        merge=merge,
        warm_up=warm_up,
        least=least,
        rise=rise,
        most_series=most_series,
        zone=zone,
        time_key=time_key,
        silence=tuple(silence or ()),
    )
    if not feed.is_file():
        raise ft.DataError("there is no such file", where=str(feed))
    model = Model(
        run,
        feeling=feeling,
        topic=topic,
        negative=tuple(negative or ()),
        positive=tuple(positive or ()),
        trust_plugins=trust_plugins,
    )
    for note in model.notes:
        say(f"note: {note}")
    where = output or Path(f"{feed.stem}-backtest" if backtest else "monitor")
    folder = None if backtest else Folder(where)

    def show(watch: Watch) -> None:
        events, index = watch.results()
        if index:
            where.mkdir(parents=True, exist_ok=True)
            said = watch.summary()
            ft.write_whole(
                where / "page.html", page(f"Opinion in {feed.name}", index, events, said)
            )

    watch = Watch(model, settings, folder, tell, say, show if folder else lambda _: None)
    try:
        watch.run(feed, 1.0 if follow else 0)
    finally:
        show(watch)
        if folder is None and (where / "page.html").exists():
            for name, rows in zip(("alarms", "index"), watch.results(), strict=True):
                content = "".join(ft.to_json(row) + "\n" for row in rows)
                ft.write_whole(where / f"{name}.jsonl", content)
        for one in watch.summary():
            say(one)
        if (where / "page.html").exists():
            say(f"the page is {where / 'page.html'}")
        if folder is not None:
            folder.close()
