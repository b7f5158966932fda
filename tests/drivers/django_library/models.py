"""Tables of the application that django_story.py runs."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models


class Author(models.Model):
    name = models.CharField(max_length=100, unique=True)
    meta = models.JSONField(default=dict)


class Book(models.Model):
    title = models.CharField(max_length=200)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    editors = models.ManyToManyField(Author, related_name="edited")
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    tags = ArrayField(models.CharField(max_length=20), default=list)
    sold = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [GinIndex(fields=["tags"]), models.Index(fields=["title", "-price"], name="by_title")]
        constraints = [models.CheckConstraint(condition=models.Q(price__gte=0), name="price_positive")]


class Shared(models.Model):
    """Each client writes its turns."""

    name = models.CharField(max_length=100)
    pid = models.IntegerField()


class Note(models.Model):
    """There from the start, with the tenant's marker."""

    body = models.TextField()

    class Meta:
        managed = False
        db_table = "notes"
