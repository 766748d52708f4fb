"""What an operator can set: `SHOUWANG_*` environment variables or `shouwang.toml` in the working folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from alerts.messages.limits import Limits
from alerts.tasks.cap import Cap
from dashboards.pictures.tiles import Tiles, wrong_with
from detectors.finding import Severity
from registry.instants import MINUTE
from storage.retention import NEEDED_DAYS, Keep


class Settings(BaseSettings):
    """Every setting with its default; `.env.example` lists them with a line each."""

    model_config = SettingsConfigDict(
        env_prefix="SHOUWANG_", toml_file="shouwang.toml", extra="forbid", validate_default=True
    )

    data_dir: Path = Field(default=Path("data"), description="where the embedded instance keeps everything")
    database_url: str | None = Field(default=None, description="a PostgreSQL of your own instead of the embedded one")
    mqtt_url: str | None = Field(default=None, description="a broker of your own instead of the embedded one")
    mqtt_client_id: str = Field(default="shouwang-ingest", description="the persistent session's name at the broker")
    kafka_servers: str | None = Field(default=None, description="a Kafka cluster for several workers, host:port,…")
    kafka_topic: str = Field(default="shouwang.readings", description="the topic that readings travel through")
    kafka_partitions: int = Field(default=3, ge=1, le=1000, description="how many parts households are divided into")
    kafka_replicas: int = Field(default=1, ge=1, description="how many of Kafka's servers keep each partition")
    kafka_group: str = Field(default="shouwang", description="the workers' consumer group")
    kafka_session_seconds: float = Field(
        default=10, ge=1, description="how long a worker may be silent before others take over"
    )
    rules: str = Field(default="default", description="a rule set's name, or the path of a TOML file with one")
    policies: Path | None = Field(default=None, description="a TOML file of escalation ladders instead of the built-in")
    false_visits_per_1000_days: float = Field(
        default=1.1, gt=0, description="false visits accepted for each 1,000 household-days"
    )
    visits_per_1000_a_day: float = Field(
        default=5, ge=0, description="visits asked for in a day for each 1,000 households, 3 in any case"
    )
    visits_always_from: str = Field(
        default="high",
        pattern="^(low|medium|high|urgent)$",
        description="the severity from which a visit is asked for whatever that limit",
    )
    http_host: str = Field(default="127.0.0.1", description="the address the dashboard listens on")
    http_port: int = Field(default=8080, ge=0, le=65535, description="the port the dashboard listens on")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="how much is logged")
    log_json: bool = Field(default=False, description="log lines as JSON, for a log collector")
    quarantine_days: int = Field(default=30, ge=1, description="how long refused payloads are kept")
    readings_days: int = Field(default=1095, description="how long readings are kept, by their own time")
    aggregates_days: int = Field(
        default=3650, description="how long TimescaleDB keeps what hours and days of readings came to"
    )
    compress_after_days: int = Field(default=7, ge=1, description="after how long TimescaleDB compresses readings")
    chunk_days: int = Field(
        default=10,
        ge=1,
        le=100,
        description="of how many days TimescaleDB stores, compresses and drops readings together",
    )
    tiles_url: str | None = Field(default=None, description="a tile server for maps, https://…/{z}/{x}/{y}.png")
    tiles_credit: str = Field(default="", description="whom to thank for its tiles, as shown below the maps")
    public_url: str | None = Field(default=None, description="where the outside world reaches this service, https://…")
    texts_an_hour: int = Field(default=6, ge=1, description="SMS and messages to one person in an hour")
    calls_an_hour: int = Field(default=4, ge=1, description="automated calls to one person in an hour")
    report_minutes: int = Field(default=30, ge=1, description="how long a provider has to say what became of a message")
    webhook_secret: str | None = Field(default=None, description="what webhooks to others are signed with, whsec_…")
    twilio_account_sid: str | None = Field(default=None, description="the Twilio account, AC…")
    twilio_auth_token: str | None = Field(default=None, description="its auth token; webhooks are checked with it too")
    twilio_from: str | None = Field(default=None, description="the number or messaging service that SMS come from")
    twilio_caller_id: str | None = Field(default=None, description="the number that calls come from")
    twilio_api_url: str | None = Field(default=None, description="another base URL than Twilio's, for tests")
    twilio_two_way: bool = Field(default=True, description="false where nobody can reply to an SMS: texts carry a link")
    seal_keys: SecretStr | None = Field(
        default=None, description="what numbers and addresses are sealed with: keys, the newest first, with commas"
    )
    second_factor: bool = Field(default=False, description="whether everybody with a password needs a second factor")
    oidc_issuer: str | None = Field(default=None, description="the OpenID provider of the organisation, https://…")
    oidc_client_id: str | None = Field(default=None, description="what this service is called there")
    oidc_client_secret: SecretStr | None = Field(default=None, description="its secret there; without one, PKCE alone")
    oidc_name: str = Field(default="OpenID", description="what its button on the sign-in page says")
    oidc_role_claim: str = Field(default="shouwang_role", description="the claim with somebody's role, or roles")
    oidc_area_claim: str = Field(default="shouwang_area", description="the claim with the code of their area, or *")
    oidc_person_claim: str | None = Field(default=None, description="the claim with their id in the registry")
    oidc_roles: str = Field(
        default="viewer,caseworker,officer", description="which roles the provider may give, separated by commas"
    )
    link_secret: str | None = Field(default=None, description="what the links in texts are signed with")
    heartbeat_url: str | None = Field(default=None, description="fetched every minute while all is well")

    @field_validator("readings_days")
    @classmethod
    def _restarts_find_readings(cls, days: int) -> int:
        if days < NEEDED_DAYS:
            raise ValueError(f"write {NEEDED_DAYS} or more: at a restart detectors may learn from so many days")
        return days

    @field_validator("aggregates_days")
    @classmethod
    def _aggregates_outlast_readings(cls, days: int, info: ValidationInfo) -> int:
        if days < info.data.get("readings_days", 0):
            raise ValueError("write no less than readings_days: aggregates are made of readings, and outlast them")
        return days

    @field_validator("tiles_url")
    @classmethod
    def _one_tile_server(cls, url: str | None) -> str | None:
        if url and (advice := wrong_with(url)) is not None:
            raise ValueError(advice)
        return url or None

    @property
    def tiles(self) -> Tiles | None:
        """What maps lie on."""
        return None if self.tiles_url is None else Tiles(self.tiles_url, self.tiles_credit)

    @property
    def keep(self) -> Keep:
        """How long readings are kept, and in which form."""
        return Keep(self.readings_days, self.aggregates_days, self.compress_after_days, self.chunk_days)

    @property
    def limits(self) -> Limits:
        """How much one person is sent in an hour, and how long a provider's report is waited for."""
        return Limits(self.texts_an_hour, self.calls_an_hour, self.report_minutes * MINUTE)

    @property
    def cap(self) -> Cap:
        """The daily limit of visits."""
        return Cap(self.visits_per_1000_a_day, always_from=Severity[self.visits_always_from.upper()])

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings' own
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take options of the command line before the environment, and that before the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
