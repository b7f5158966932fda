-- allow
TRUNCATE "django_admin_log", "library_book", "django_site", "django_content_type", "library_book_editors", "django_session", "library_author", "auth_user_user_permissions", "auth_user_groups", "auth_group_permissions", "auth_permission", "auth_user", "auth_group" RESTART IDENTITY;
